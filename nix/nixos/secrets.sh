# Make a file of variables for each container below $SECRETS, unless it is there; $DATABASE is the database's folder.
set -eu

lost=
for name in postgres auth data prediction; do
    # a power cut may have left an empty one
    [ -s "$SECRETS/$name.env" ] || lost="$lost $SECRETS/$name.env"
done
if [ -z "$lost" ]; then
    exit 0
fi
if [ -n "$(ls -A "$DATABASE" 2>/dev/null)" ]; then
    echo "booksync-secrets: $DATABASE has a database, and its secrets are gone or empty: put back$lost" >&2
    exit 1
fi

# 256 random bits
secret() { od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'; }
address() { printf 'DATABASE_URL=postgresql+asyncpg://booksync_%s:%s@postgres:5432/booksync\n' "$1" "$2"; }

umask 077
partial=$SECRETS.partial
mkdir -p "$partial"
auth=$(secret)
data=$(secret)
prediction=$(secret)
app=$(secret)
printf '%s\n' "POSTGRES_PASSWORD=$(secret)" "DB_AUTH_PASSWORD=$auth" "DB_DATA_PASSWORD=$data" \
    "DB_PREDICTION_PASSWORD=$prediction" >"$partial/postgres.env"
{
    address auth "$auth"
    printf '%s\n' "JWT_SECRET_KEY=$(secret)"
} >"$partial/auth.env"
{
    address data "$data"
    printf '%s\n' "APP_SECRET_KEY=$app"
} >"$partial/data.env"
{
    address prediction "$prediction"
    printf '%s\n' "APP_SECRET_KEY=$app"
} >"$partial/prediction.env"
# they are on the disk before a database is made with them
sync "$partial"/* "$partial"
rm -rf "$SECRETS"
mv "$partial" "$SECRETS"
sync "${SECRETS%/*}"
