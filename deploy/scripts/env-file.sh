# shellcheck shell=bash
# Reading and writing the .env file beside the compose file: sourced by other scripts.

# $1: the file, $2: a variable; the last value that it gives it, without quotes
read_env_file() {
    [[ -r $1 ]] || return 0
    sed -n "s/^[[:space:]]*\(export \)\?$2=//p" "$1" | tail -n 1 |
        sed -e 's/[[:space:]]*$//' -e "s/^'\(.*\)'$/\1/" -e 's/^"\(.*\)"$/\1/'
}

# $1: the file, $@: NAME=VALUE; all of them or none, in the place of the lines that set or show them
write_env_file() {
    local file=$1 assignment name
    shift
    # a copy is as secret as the file
    install -m 600 /dev/null "$file.rest"
    cp -p "$file" "$file.new"
    for assignment; do
        name=${assignment%%=*}
        grep -v "^[[:space:]]*#\?\(export \)\?$name=" "$file.new" >"$file.rest" || [[ $? == 1 ]]
        printf '%s\n' "$assignment" >>"$file.rest"
        cat "$file.rest" >"$file.new"
    done
    rm "$file.rest"
    sync "$file.new"
    mv "$file.new" "$file"
}
