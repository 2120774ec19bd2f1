-- Prepare a PostgreSQL 17 database for BookSync, or repair one: pgvector in public, and for each service a role and a
-- schema of its own, with nothing granted across.
--
-- The image booksync-postgres runs it by itself. On a pgvector/pgvector:pg17 server mount it as
-- /docker-entrypoint-initdb.d/booksync.sql, or run it on a database in use, as a superuser:
--     docker exec -i booksync-postgres psql -U booksync -d booksync < deploy/init-db.sql
--     docker exec -i booksync-postgres psql -U booksync -d booksync -v dry_run=on < deploy/init-db.sql
--
-- Each step first asks whether it is needed: a second run finds nothing to do. All is one transaction, and a dry run is
-- the same one rolled back, so what it prints is what would happen. No row is changed: tables that stood in public get
-- another schema (auth_legacy, data_legacy, prediction_legacy) and owner. What an owner has set (time-outs, connection
-- limits, grants to roles that are not BookSync's) stays.
--
-- Read from the environment of psql: DB_AUTH_USER, DB_DATA_USER, DB_PREDICTION_USER; DB_AUTH_PASSWORD,
-- DB_DATA_PASSWORD, DB_PREDICTION_PASSWORD or the same with _FILE; POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, which
-- takes the place of a superuser's `password`, and with ENVIRONMENT or APP_ENV says whether the guide's sample passwords
-- are good enough.

\set ON_ERROR_STOP on
\set QUIET on
\pset tuples_only on
\pset format unaligned
\if :{?dry_run} \else \set dry_run off \endif

\set auth_role `printf %s "${DB_AUTH_USER:-booksync_auth}"`
\set data_role `printf %s "${DB_DATA_USER:-booksync_data}"`
\set prediction_role `printf %s "${DB_PREDICTION_USER:-booksync_prediction}"`
\set auth_password `printf %s "${DB_AUTH_PASSWORD:-$(cat "${DB_AUTH_PASSWORD_FILE:-/dev/null}")}"`
\set data_password `printf %s "${DB_DATA_PASSWORD:-$(cat "${DB_DATA_PASSWORD_FILE:-/dev/null}")}"`
\set prediction_password `printf %s "${DB_PREDICTION_PASSWORD:-$(cat "${DB_PREDICTION_PASSWORD_FILE:-/dev/null}")}"`
\set admin_password `printf %s "${POSTGRES_PASSWORD:-$(cat "${POSTGRES_PASSWORD_FILE:-/dev/null}")}"`
\set environment `printf %s "${ENVIRONMENT:-$APP_ENV}"`

BEGIN READ WRITE; -- whatever an owner has set as the default

DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        RAISE 'role % is not a superuser: run this as the one that POSTGRES_USER names', current_user;
    END IF;
END $$;

-- passwords stay out of the server's log and of pg_stat_statements
SET LOCAL log_statement = 'none';
SET LOCAL log_min_duration_statement = -1;
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL pg_stat_statements.track = 'none';
SET LOCAL client_min_messages = 'warning';
-- a service that holds a table makes this fail and change nothing, instead of making everybody wait
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = 0;
-- so that names print with their schema, and nothing in public is called by mistake
SET LOCAL search_path = pg_catalog, pg_temp;

-- one at a time
SELECT FROM (SELECT pg_advisory_xact_lock(hashtext('booksync init-db'))) AS locked;

CREATE TEMPORARY TABLE service (
    name text PRIMARY KEY, -- and its schema
    legacy text GENERATED ALWAYS AS (name || '_legacy') STORED, -- the schema of tables that stood in public
    role name NOT NULL,
    password text NOT NULL, -- '' when none is given
    tables name[] NOT NULL -- what may stand in public: the guide put everything there
) ON COMMIT DROP;

INSERT INTO service (name, role, password, tables) VALUES
    ('auth', :'auth_role', :'auth_password',
     '{users,sessions,credentials,auth_events,api_keys,rate_limits,deleted_users}'),
    ('data', :'data_role', :'data_password',
     '{volume_extra,user_volume,idempotency_keys}'),
    ('prediction', :'prediction_role', :'prediction_password',
     '{embeddings,recommendations,jobs}');

CREATE TEMPORARY TABLE circumstance ON COMMIT DROP AS
    SELECT :'admin_password' AS admin_password, :'environment' = 'production' AS is_production,
        :'admin_password' = 'password' AND :'environment' <> 'production' AS is_trial;

CREATE TEMPORARY TABLE report (
    id int GENERATED ALWAYS AS IDENTITY, line text NOT NULL, is_change boolean NOT NULL
) ON COMMIT DROP;

CREATE FUNCTION pg_temp.say(line text) RETURNS void LANGUAGE sql AS
    'INSERT INTO pg_temp.report (line, is_change) VALUES (line, false)';

-- shown: for a statement that has a secret in it
CREATE FUNCTION pg_temp.run(statement text, shown text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    INSERT INTO pg_temp.report (line, is_change) VALUES (coalesce(shown, statement) || ';', true);
END $$;

-- Is this the password of a stored verifier (RFC 5802, RFC 7677)? Setting the same password again would change the
-- verifier's salt. A password outside ASCII that SASLprep would change counts as another one, and is just set again.
CREATE FUNCTION pg_temp.xor_all(block bytea, value int) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. length(block) - 1 LOOP
        block := set_byte(block, i, get_byte(block, i) # value);
    END LOOP;
    RETURN block;
END $$;

CREATE FUNCTION pg_temp.pad_key(key bytea) RETURNS bytea LANGUAGE sql AS $$
    WITH short AS (SELECT CASE WHEN length(key) > 64 THEN sha256(key) ELSE key END AS bytes)
    SELECT bytes || decode(repeat('00', 64 - length(bytes)), 'hex') FROM short
$$;

CREATE FUNCTION pg_temp.to_bits(bytes bytea) RETURNS bit(256) LANGUAGE sql AS
    $$ SELECT ('x' || encode(bytes, 'hex'))::bit(256) $$;

CREATE FUNCTION pg_temp.is_password(password text, verifier text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    parts text[] := regexp_match(verifier, '^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):');
    key bytea := pg_temp.pad_key(convert_to(password, 'UTF8'));
    inner_key bytea := pg_temp.xor_all(key, x'36'::int);
    outer_key bytea := pg_temp.xor_all(key, x'5c'::int);
    block bytea := decode(parts[2], 'base64') || '\x00000001';
    salted bit(256) := repeat('0', 256)::bit(256);
    client_key bytea;
BEGIN
    IF parts IS NULL THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. parts[1]::int LOOP
        block := sha256(outer_key || sha256(inner_key || block));
        salted := salted # pg_temp.to_bits(block);
    END LOOP;
    block := '';
    FOR i IN 0 .. 31 LOOP
        block := block || set_byte('\x00', 0, substring(salted FROM i * 8 + 1 FOR 8)::bit(8)::int);
    END LOOP;
    key := pg_temp.pad_key(block);
    client_key := sha256(pg_temp.xor_all(key, x'5c'::int) || sha256(pg_temp.xor_all(key, x'36'::int) || 'Client Key'));
    RETURN encode(sha256(client_key), 'base64') = parts[3];
END $$;

-- What cannot be repaired is refused before anything is done.
DO $$
DECLARE
    role name;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
        RAISE 'this server has no pgvector (postgres:17-alpine has none): use booksync-postgres or'
            ' pgvector/pgvector:pg17';
    END IF;
    IF (SELECT count(DISTINCT service.role) FROM service) < 3 THEN
        RAISE 'DB_AUTH_USER, DB_DATA_USER and DB_PREDICTION_USER must name three roles, not the same one twice';
    END IF;
    FOR role IN SELECT rolname FROM pg_roles JOIN service ON rolname = service.role WHERE rolsuper LOOP
        RAISE 'role % is a superuser, whom no schema can keep out: name another one in DB_AUTH_USER, DB_DATA_USER or'
            ' DB_PREDICTION_USER, or run ALTER ROLE % NOSUPERUSER', role, quote_ident(role);
    END LOOP;
END $$;

-- The extension: in public, at the version of this server's files; a newer one, as after a rollback, has no way back.
DO $$
DECLARE
    installed record;
BEGIN
    SELECT extversion, extnamespace::regnamespace::text AS schema, own.default_version AS own, EXISTS (
        SELECT FROM pg_extension_update_paths('vector')
        WHERE source = extversion AND target = own.default_version AND path IS NOT NULL
    ) AS has_way
    INTO installed FROM pg_extension JOIN pg_available_extensions AS own ON own.name = extname
    WHERE extname = 'vector';
    IF NOT FOUND THEN
        PERFORM pg_temp.run('CREATE EXTENSION vector WITH SCHEMA public');
        RETURN;
    END IF;
    IF installed.schema <> 'public' THEN
        PERFORM pg_temp.run('ALTER EXTENSION vector SET SCHEMA public');
    END IF;
    IF installed.has_way THEN
        PERFORM pg_temp.run(format('ALTER EXTENSION vector UPDATE TO %L', installed.own));
    ELSIF installed.extversion <> installed.own THEN
        PERFORM pg_temp.say(format('pgvector %s of this database is newer than this server''s %s, to which no way leads'
            ' back: it goes on as it is. Nearly all works with the older library; what %1$s has added fails',
            installed.extversion, installed.own));
    END IF;
END $$;

-- Roles and their passwords.
DO $$
DECLARE
    wanted record;
    found record;
    variable text;
    is_sample boolean;
BEGIN
    FOR wanted IN SELECT * FROM service ORDER BY name LOOP
        variable := format('DB_%s_PASSWORD', upper(wanted.name));
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.role) THEN
            PERFORM pg_temp.run(format('CREATE ROLE %I NOLOGIN', wanted.role));
        END IF;
        SELECT * INTO found FROM pg_authid WHERE rolname = wanted.role;
        is_sample := wanted.password = '' AND found.rolpassword IS NULL AND (SELECT is_trial FROM circumstance);
        IF is_sample THEN
            wanted.password := wanted.name || '_password';
            PERFORM pg_temp.say(format('%s is not set: %s has the guide''s sample password; set it for anything but a'
                ' trial', variable, wanted.role));
        END IF;
        IF wanted.password <> '' THEN
            IF NOT (found.rolcanlogin AND coalesce(pg_temp.is_password(wanted.password, found.rolpassword), false)) THEN
                PERFORM pg_temp.run(format('ALTER ROLE %I LOGIN PASSWORD %L', wanted.role, wanted.password),
                    format('ALTER ROLE %I LOGIN PASSWORD ''********''', wanted.role));
            END IF;
        ELSIF found.rolpassword IS NULL THEN
            PERFORM pg_temp.say(format('%s is not set: %s cannot log in until it has a password',
                variable, wanted.role));
        END IF;
        IF found.rolcreatedb OR found.rolcreaterole OR found.rolreplication OR found.rolbypassrls THEN
            PERFORM pg_temp.run(format('ALTER ROLE %I NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', wanted.role));
        END IF;
    END LOOP;
END $$;

-- The superuser's own, as a trial leaves it: every service could log in with it. Another one is the owner's to change.
DO $$
DECLARE
    verifier text := (SELECT rolpassword FROM pg_authid WHERE rolname = current_user);
    given record;
BEGIN
    SELECT * INTO given FROM circumstance;
    IF given.is_trial OR NOT pg_temp.is_password('password', verifier) THEN
        RETURN;
    END IF;
    IF given.admin_password NOT IN ('', 'password') THEN
        PERFORM pg_temp.run(format('ALTER ROLE %I PASSWORD %L', current_user, given.admin_password),
            format('ALTER ROLE %I PASSWORD ''********''', current_user));
    ELSIF given.is_production THEN
        PERFORM pg_temp.say(format('superuser %I has the guide''s sample password, which everybody knows: give'
            ' POSTGRES_PASSWORD another one, and run this again', current_user));
    END IF;
END $$;

-- Time-outs and the connection limit, where the owner has set none; what to find without a schema's name, always.
DO $$
DECLARE
    wanted record;
    setting record;
    path text;
BEGIN
    FOR wanted IN SELECT service.*, pg_authid.oid AS id, rolconnlimit FROM service JOIN pg_authid ON rolname = role
        ORDER BY name
    LOOP
        FOR setting IN VALUES ('statement_timeout', '30s'), ('lock_timeout', '10s'),
            ('idle_in_transaction_session_timeout', '60s')
        LOOP
            IF NOT EXISTS (
                SELECT FROM pg_db_role_setting, unnest(setconfig) AS line
                WHERE setrole = wanted.id AND split_part(line, '=', 1) = setting.column1
            ) THEN
                PERFORM pg_temp.run(format('ALTER ROLE %I SET %I = %L', wanted.role, setting.column1, setting.column2));
            END IF;
        END LOOP;
        IF wanted.rolconnlimit = -1 THEN
            PERFORM pg_temp.run(format('ALTER ROLE %I CONNECTION LIMIT 40', wanted.role));
        END IF;
        path := format('search_path=%s, public', quote_ident(wanted.name));
        IF NOT EXISTS (
            SELECT FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
            WHERE setrole = wanted.id AND datname = current_database() AND path = ANY (setconfig)
        ) THEN
            PERFORM pg_temp.run(format('ALTER ROLE %I IN DATABASE %I SET search_path = %I, public',
                wanted.role, current_database(), wanted.name));
        END IF;
    END LOOP;
END $$;

-- The database: the services may connect, nobody may by default, and none of them owns it.
DO $$
DECLARE
    wanted record;
    found record;
BEGIN
    SELECT *, coalesce(datacl, acldefault('d', datdba)) AS privileges INTO found
    FROM pg_database WHERE datname = current_database();
    IF EXISTS (SELECT FROM service WHERE role = pg_get_userbyid(found.datdba)) THEN
        PERFORM pg_temp.run(format('ALTER DATABASE %I OWNER TO %I', current_database(), current_user));
    END IF;
    IF EXISTS (SELECT FROM aclexplode(found.privileges) WHERE grantee = 0) THEN
        PERFORM pg_temp.run(format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()));
    END IF;
    FOR wanted IN
        SELECT role, array(
            SELECT privilege_type FROM aclexplode(found.privileges) WHERE grantee = pg_authid.oid
        ) AS held
        FROM service JOIN pg_authid ON rolname = role ORDER BY name
    LOOP
        IF NOT wanted.held @> '{CONNECT,TEMPORARY}' THEN
            PERFORM pg_temp.run(format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I',
                current_database(), wanted.role));
        END IF;
        IF 'CREATE' = ANY (wanted.held) THEN
            PERFORM pg_temp.run(format('REVOKE CREATE ON DATABASE %I FROM %I', current_database(), wanted.role));
        END IF;
    END LOOP;
END $$;

-- A schema for each service.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN SELECT service.*, pg_get_userbyid(nspowner) AS owner
        FROM service LEFT JOIN pg_namespace ON nspname = name ORDER BY name
    LOOP
        IF wanted.owner IS NULL THEN
            PERFORM pg_temp.run(format('CREATE SCHEMA %I AUTHORIZATION %I', wanted.name, wanted.role));
        ELSIF wanted.owner <> wanted.role THEN
            PERFORM pg_temp.run(format('ALTER SCHEMA %I OWNER TO %I', wanted.name, wanted.role));
        END IF;
    END LOOP;
END $$;

-- Tables, views and sequences of people, in public and in the services' schemas. What belongs to something else goes
-- with it: an extension's tables, a serial column's sequence.
CREATE VIEW pg_temp.relation AS
    SELECT pg_class.oid AS id, nspname AS schema, relname AS name, relkind AS kind,
        pg_get_userbyid(relowner) AS owner, relowner, relacl,
        EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid
                AND deptype IN ('a', 'i') AND relkind = 'S'
        ) AS is_part
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE (nspname = 'public' OR nspname IN (SELECT unnest(ARRAY[service.name, legacy]) FROM service))
        AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
        AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
        );

-- The services' tables out of public: known by their name, or by their owner. Not into the service's schema, whose
-- migrations make tables and indexes of the same names, but into one beside it.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT relation.*, service.role, service.legacy AS target
        FROM relation LEFT JOIN service ON owner = role OR NOT EXISTS (SELECT FROM service WHERE role = owner)
            AND relation.name = ANY (tables)
        WHERE schema = 'public' AND NOT is_part ORDER BY relation.name
    LOOP
        IF found.target IS NULL THEN
            PERFORM pg_temp.say(format('%s stays where it is: it is no table of BookSync', found.id::regclass));
        ELSIF EXISTS (SELECT FROM relation WHERE schema = found.target AND name = found.name) THEN
            PERFORM pg_temp.say(format('%s stays where it is: %I.%I exists already; rename one of them, and run this'
                ' again', found.id::regclass, found.target, found.name));
        ELSE
            IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = found.target) THEN
                PERFORM pg_temp.run(format('CREATE SCHEMA %I AUTHORIZATION %I', found.target, found.role));
            END IF;
            PERFORM pg_temp.run(format('ALTER TABLE %s SET SCHEMA %I', found.id::regclass, found.target));
        END IF;
    END LOOP;
END $$;

-- A service owns what is in its schema, or it could not migrate it.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT relation.*, role FROM relation JOIN service ON schema IN (service.name, legacy)
        WHERE owner <> role AND NOT is_part ORDER BY relation.id
    LOOP
        PERFORM pg_temp.run(format('ALTER TABLE %s OWNER TO %I', found.id::regclass, found.role));
    END LOOP;
END $$;

-- Whom a privilege is taken from: a service that does not own the thing, and in the services' schemas everybody.
CREATE VIEW pg_temp.taker AS
    SELECT pg_authid.oid AS id, quote_ident(rolname) AS name FROM pg_authid JOIN service ON rolname = role
    UNION ALL SELECT 0, 'PUBLIC';

-- Privileges on tables and their columns, on sequences and schemas, and on what will be made later.
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        WITH granted AS (
            SELECT id, schema, kind, relowner, grantee FROM relation, aclexplode(relacl)
            UNION SELECT id, schema, kind, relowner, grantee
            FROM relation JOIN pg_attribute ON attrelid = id, aclexplode(attacl)
        )
        SELECT format('REVOKE ALL ON %s %s FROM %s', CASE kind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
            granted.id::regclass, taker.name)
        FROM granted JOIN taker ON taker.id = grantee
        WHERE grantee <> relowner AND (grantee <> 0 OR schema <> 'public') ORDER BY 1
    LOOP
        PERFORM pg_temp.run(statement);
    END LOOP;

    FOR statement IN
        SELECT DISTINCT format('REVOKE %s ON SCHEMA %I FROM %s',
            CASE nspname WHEN 'public' THEN 'CREATE' ELSE 'ALL' END, nspname, taker.name)
        FROM pg_namespace, aclexplode(nspacl) JOIN taker ON taker.id = grantee
        WHERE grantee <> nspowner
            AND (nspname IN (SELECT unnest(ARRAY[name, legacy]) FROM service)
                OR nspname = 'public' AND privilege_type = 'CREATE') ORDER BY 1
    LOOP
        PERFORM pg_temp.run(statement);
    END LOOP;

    FOR statement IN
        SELECT DISTINCT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s',
            pg_get_userbyid(defaclrole), ' IN SCHEMA ' || nullif(defaclnamespace, 0)::regnamespace,
            CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
                WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END, taker.name)
        FROM pg_default_acl, aclexplode(defaclacl) JOIN taker ON taker.id = grantee
        WHERE grantee NOT IN (0, defaclrole) ORDER BY 1
    LOOP
        PERFORM pg_temp.run(statement);
    END LOOP;

    -- a member has all that its group has
    FOR statement IN
        SELECT format('REVOKE %I FROM %s', pg_get_userbyid(roleid), taker.name)
        FROM pg_auth_members JOIN taker ON taker.id = member
        WHERE roleid IN (SELECT id FROM taker) OR starts_with(pg_get_userbyid(roleid)::text, 'pg_') ORDER BY 1
    LOOP
        PERFORM pg_temp.run(statement);
    END LOOP;
END $$;

SELECT CASE WHEN NOT is_change THEN line WHEN :'dry_run'::boolean THEN 'would run: ' || line ELSE 'ran: ' || line END
FROM pg_temp.report ORDER BY id;

SELECT 'nothing to change' WHERE NOT EXISTS (SELECT FROM pg_temp.report WHERE is_change);

\if :dry_run
ROLLBACK;
\else
COMMIT;
\endif
