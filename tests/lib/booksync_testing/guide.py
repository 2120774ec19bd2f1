"""The guide's own initialisation script (annex B), and tables as services that trusted it would have made."""

SERVICES = ("auth", "data", "prediction")
ROLES = tuple(f"booksync_{service}" for service in SERVICES)

_EACH_ROLE = """
GRANT CONNECT ON DATABASE booksync TO {role};
GRANT USAGE ON SCHEMA public TO {role};
GRANT ALL PRIVILEGES ON ALL TABLES IN SCHEMA public TO {role};
GRANT ALL PRIVILEGES ON ALL SEQUENCES IN SCHEMA public TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO {role};
"""

ANNEX_B = "\n".join(
    [
        "CREATE EXTENSION IF NOT EXISTS vector;",
        *(f"CREATE USER booksync_{name} WITH PASSWORD '{name}-secure-password';" for name in SERVICES),
        *(_EACH_ROLE.format(role=role) for role in ROLES),
    ]
)

# takes away what the image's own initialisation has made: on another image it never was
WITHOUT_OURS = "".join(
    f"DROP SCHEMA {name}; DROP OWNED BY booksync_{name}; DROP ROLE booksync_{name};" for name in SERVICES
)

# an administrator migrated, so the default privileges gave every role everything; names and an index as ours
TABLES = """
CREATE TABLE users (id serial CONSTRAINT users_pkey PRIMARY KEY, username text, email text UNIQUE);
CREATE TABLE sessions (id serial PRIMARY KEY, user_id int REFERENCES users);
CREATE TABLE volume_extra (volume_id uuid PRIMARY KEY, nb_pages int);
CREATE TABLE embeddings (id serial PRIMARY KEY, embedding vector(3));
CREATE INDEX ON embeddings USING hnsw (embedding vector_cosine_ops);
CREATE TABLE holiday (place text);
CREATE VIEW names AS SELECT username FROM users;
INSERT INTO users (username, email) SELECT 'user ' || i, i || '@example.org' FROM generate_series(1, 500) AS i;
INSERT INTO sessions (user_id) SELECT id FROM users;
INSERT INTO volume_extra SELECT gen_random_uuid(), i FROM generate_series(1, 300) AS i;
INSERT INTO embeddings (embedding) SELECT format('[%s,%s,1]', i, i % 7)::vector FROM generate_series(1, 200) AS i;
INSERT INTO holiday VALUES ('Tōkyō');
"""

# table -> schema that the repair moves it to
MOVED = {
    "users": "auth_legacy",
    "sessions": "auth_legacy",
    "volume_extra": "data_legacy",
    "embeddings": "prediction_legacy",
}
