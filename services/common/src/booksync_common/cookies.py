"""Of clients that ask for all users alike."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

#: Takes none: what a site sets for one user must not go with the next one's question.
NO_COOKIES = CookieJar(DefaultCookiePolicy(allowed_domains=()))
