# shellcheck shell=bash
# Whether PGDATA is a database, may become one, or is neither: sourced by docker-entrypoint.sh.
#
# initdb works in a folder below PGDATA, whose content then moves up with PG_VERSION last; the folder itself stays until
# the scripts have run. So at every moment the state can be told:
#
#   PG_VERSION  folder   state
#   no          no       not initialised
#   no          yes      stopped during initdb: nothing but initdb's own files, which may go
#   yes         yes      stopped while scripts ran, or one failed: half-made, and a person has to look
#   yes         no       a database

readonly MARKER=$PGDATA/booksync-initialising
readonly STAGING=$MARKER/data

# of the file system or the NAS, and in nobody's way
is_foreign() { [[ ${1##*/} == lost+found || ${1##*/} == @eaDir ]]; }

list_data_directory() {
    local entry
    for entry in "$PGDATA"/* "$PGDATA"/.[!.]*; do
        [[ ! -e $entry && ! -L $entry ]] || is_foreign "$entry" || printf '%s\n' "$entry"
    done
}

explain_ownership() {
    local ids owner image='REGISTRY/NAMESPACE/booksync-postgres'
    ids=$(id -u):$(id -g)
    owner=$(stat -c 'uid %u, mode %a' "$PGDATA" 2>/dev/null || echo 'missing, and its parent cannot be written to')
    say "$PGDATA cannot be used by uid $EUID, which has to own it ($owner)."
    say "Give it the folder that is mounted there, on the host:"
    say "    sudo chown -R $ids FOLDER"
    say "or, with the container's mounts as they are, whatever they are:"
    say "    docker run --rm --user 0 --volumes-from booksync-postgres --entrypoint chown $image -R $ids $PGDATA"
    fail "or start the container once with --user 0, which does the same and then drops root."
}

explain_version() {
    say "$PGDATA holds a database of PostgreSQL $1; this image is PostgreSQL $MAJOR, and cannot read it."
    fail "Start an image of PostgreSQL $1 on it, save it with pg_dumpall, and restore that into an empty directory here."
}

explain_interrupted() {
    say "The first initialisation of $PGDATA did not come to its end: it was stopped, or a script failed (its error is in"
    say "the log of that start). What is there is half a database that never served anybody, so it is not started."
    fail "Empty the directory (docker rm booksync-postgres; docker volume rm booksync_pgdata) and start again."
}

explain_content() {
    say "$PGDATA holds something that is no database: ${1//$'\n'/, }"
    fail "Mount an empty folder there, or set PGDATA to a folder below it, e.g. PGDATA=$PGDATA/pgdata."
}

# PostgreSQL serves none that others can enter, as copies of one often are
close_data_directory() {
    local mode
    mode=$(stat -c %a "$PGDATA")
    [[ $mode != *[0145]0 ]] || return 0
    say "$PGDATA has mode $mode, with which PostgreSQL does not start; it becomes 700"
    chmod 0700 "$PGDATA" || explain_ownership
}

check_data_directory() {
    mkdir -p "$PGDATA" 2>/dev/null || explain_ownership
    # PostgreSQL itself insists on being the owner
    [[ -O $PGDATA && -w $PGDATA && -x $PGDATA ]] || chmod 0700 "$PGDATA" 2>/dev/null || explain_ownership
    if [[ -s $PGDATA/PG_VERSION ]]; then
        local version
        version=$(<"$PGDATA/PG_VERSION")
        [[ $version == "$MAJOR" ]] || explain_version "$version"
        [[ ! -d $MARKER ]] || explain_interrupted
        close_data_directory
    elif [[ -d $MARKER ]]; then
        say "the last start was stopped during initdb; beginning again"
        remove_half_made
    else
        local content
        content=$(list_data_directory)
        [[ -z $content ]] || explain_content "$content"
    fi
}

# only what initdb has made, in a directory that was empty before
remove_half_made() {
    local wal
    for wal in "$STAGING/pg_wal" "$PGDATA/pg_wal"; do
        # POSTGRES_INITDB_WALDIR
        [[ ! -L $wal || ! -d $wal ]] || find "$wal/" -mindepth 1 -delete
    done
    local -a entries
    mapfile -t entries < <(list_data_directory | grep -Fxv "$MARKER")
    rm -rf "${entries[@]}"
    sync "$PGDATA"
    # last, as without it what is left would be something that is no database
    rm -rf "$MARKER"
}

begin_initialisation() {
    chmod 0700 "$PGDATA"
    mkdir "$MARKER"
}

fill_from_staging() {
    local entry
    for entry in "$STAGING"/*; do
        [[ $entry == */PG_VERSION ]] || mv "$entry" "$PGDATA/"
    done
    # the files are on the disk (run_initdb); here it is their names
    sync "$PGDATA"
    mv "$STAGING/PG_VERSION" "$PGDATA/"
}

end_initialisation() {
    rm -r "$MARKER"
    sync "$PGDATA"
}
