"""Notice a database that was set up in a way that works, but not as it should."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_common.migrations import INIT_SCRIPT

#: Roles that hold a privilege on this service's schema or its tables and are neither their owner nor a superuser.
_CROSS_GRANTS = text("""
    SELECT DISTINCT grantee.rolname
    FROM (
        SELECT nspowner AS owner, acl.grantee AS role
        FROM pg_namespace, aclexplode(nspacl) AS acl WHERE nspname = :schema
        UNION
        SELECT relowner, acl.grantee
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace, aclexplode(relacl) AS acl
        WHERE nspname = :schema
    ) AS granted
    JOIN pg_roles AS grantee ON grantee.oid = granted.role
    WHERE granted.role <> granted.owner AND NOT grantee.rolsuper
    ORDER BY 1
""")

#: Default privileges in schema public, which make every new table there everybody's.
_PUBLIC_DEFAULTS = text("""
    SELECT DISTINCT grantee.rolname
    FROM pg_default_acl JOIN pg_namespace ON pg_namespace.oid = defaclnamespace, aclexplode(defaclacl) AS acl
    JOIN pg_roles AS grantee ON grantee.oid = acl.grantee
    WHERE nspname = 'public' AND acl.grantee <> defaclrole AND NOT grantee.rolsuper
    ORDER BY 1
""")

_PUBLIC_TABLES = text("""
    SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'p') AND relname = ANY(:names)
    ORDER BY 1
""")


async def find_shared_database(connection: AsyncConnection, *, schema: str, tables: list[str]) -> str | None:
    """Recognise a database made by a script that gives every service everything.

    :param tables: names of this service's tables, which do not belong in public.
    :return: one line that says what is wrong and what to run; None when all is well.
    """
    found: list[str] = []
    if names := (await connection.scalars(_PUBLIC_TABLES, {"names": tables})).all():
        found.append(f"tables of ours in schema public ({', '.join(names)})")
    if roles := (await connection.scalars(_PUBLIC_DEFAULTS)).all():
        found.append(f"default privileges in schema public for {', '.join(roles)}")
    if roles := (await connection.scalars(_CROSS_GRANTS, {"schema": schema})).all():
        found.append(f"privileges on schema {schema} for {', '.join(roles)}")
    if not found:
        return None
    return (
        f"others than service {schema} may use its data: {'; '.join(found)};"
        f" for what you have not granted yourself, run {INIT_SCRIPT}"
    )
