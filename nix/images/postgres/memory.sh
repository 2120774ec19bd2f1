# shellcheck shell=bash
# PostgreSQL's memory settings from what this container may use: sourced by docker-entrypoint.sh.
#
# They are written at every start to a file that postgresql.conf includes in its first line, so that anything else in
# postgresql.conf, ALTER SYSTEM and `-c` win. A postgresql.conf that this image has not made includes nothing.

readonly MEMORY_SETTINGS=booksync-memory.conf
readonly CGROUP_LIMITS=(/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes)

# $1: a postgresql.conf that initdb has just made
include_memory_settings() {
    local name
    # initdb writes what it found out by trying; what an owner passed to initdb stays
    for name in shared_buffers max_connections; do
        [[ $POSTGRES_INITDB_ARGS == *"$name"* ]] || sed -i "s/^$name = /#&/" "$1"
    done
    sed -i "1i include_if_exists = '$MEMORY_SETTINGS' # written at every start; all below wins" "$1"
}

machine_mib() {
    local name value _
    while read -r name value _; do
        [[ $name != MemTotal: ]] || printf '%d' $((value / 1024))
    done </proc/meminfo
}

# the container's limit; without one, half of the machine, where the services and more are running too
memory_budget_mib() {
    local machine limit file
    machine=$(machine_mib)
    for file in "${CGROUP_LIMITS[@]}"; do
        [[ -r $file ]] || continue
        limit=$(<"$file")
        # cgroup v2 says "max", v1 a number near 2^63
        if [[ $limit != max ]] && ((limit / 1048576 < machine)); then
            printf '%d' $((limit / 1048576))
            return
        fi
    done
    printf '%d' $((machine / 2))
}

# $1: value, $2: least, $3: most
clamp() { printf '%d' $(($1 < $2 ? $2 : $1 > $3 ? $3 : $1)); }

shared_memory_mib() {
    local blocks size
    read -r blocks size < <(stat -f -c '%b %S' /dev/shm) || true
    printf '%d' $((${blocks:-0} * ${size:-0} / 1048576))
}

print_memory_settings() {
    local budget=$1 maintenance
    maintenance=$(clamp $((budget / 16)) 16 1024)
    echo "# Written at every start for $budget MiB of memory; changes are lost. Set what you want in postgresql.conf."
    echo "shared_buffers = $(clamp $((budget / 4)) 32 4096)MB"
    echo "effective_cache_size = $((budget * 3 / 4))MB"
    echo "maintenance_work_mem = ${maintenance}MB"
    # the services' roles may have 40 each
    echo "max_connections = $(clamp $((budget / 8)) 50 200)"
    # pgvector builds an index with several workers in shared memory, of which Docker gives 64 MiB
    if (($(shared_memory_mib) < maintenance)); then
        echo "max_parallel_maintenance_workers = 0 # /dev/shm is smaller than maintenance_work_mem: --shm-size"
    fi
}

write_memory_settings() {
    local file=$PGDATA/$MEMORY_SETTINGS settings
    settings=$(print_memory_settings "$(memory_budget_mib)")
    # a start with a full disk goes on with the last settings
    if ! { printf '%s\n' "$settings" >"$file.new" && mv "$file.new" "$file"; } 2>/dev/null; then
        rm -f "$file.new"
        say "$file cannot be written: the last start's memory settings stay"
    fi
}
