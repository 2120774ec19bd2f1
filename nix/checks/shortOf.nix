# What checks call an image: booksync-postgres -> postgres, booksync-api-auth -> auth.
image: builtins.elemAt (builtins.match "booksync-(api-)?(.*)" image) 1
