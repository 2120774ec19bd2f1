# shellcheck shell=bash
# Reading and writing the .env file beside the compose file: sourced by other scripts.

# $1: the file, $2: a variable; what stands after NAME= in its last line
read_env_line() {
    [[ -r $1 ]] || return 0
    sed -n "s/^[[:space:]]*\(export \)\?$2=[[:space:]]*//p" "$1" | tail -n 1
}

# $1: the file, $2: a variable; the last value that it gives it, without quotes and what is said after it, as compose has it
read_env_file() {
    read_env_line "$@" | sed -E \
        -e "/^'/ { s/^'(([^'\\\\]|\\\\.)*)'.*/\1/; s/\\\\'/'/g; b; }" \
        -e '/^"/ { s/^"(([^"\\]|\\.)*)".*/\1/; s/\\(["\\$])/\1/g; b; }' \
        -e 's/ #.*//; s/[[:space:]]*$//'
}

# $1: the file, $2: a variable; whether read_env_file has what compose has: outside of single quotes compose replaces
# $NAME, ${...}, $$, and in double quotes \n and its like
is_plain_in_env_file() {
    local line
    local single="^'([^'\\]|\\\\.)*'"
    local double='^"([^"\$]|\\["\$]|\$[^A-Za-z_{$"\])*\$?"'
    local replaced='\$[A-Za-z_{$]'
    line=$(read_env_line "$@")
    case $line in
        \'*) [[ $line =~ $single ]] ;;
        \"*) [[ $line =~ $double ]] ;;
        *) [[ ! ${line%% #*} =~ $replaced ]] ;;
    esac
}

# $1: the file, $2: a copy to make, $@: NAME=VALUE; in the place of the lines that set or show them
copy_env_file() {
    local file=$1 copy=$2 assignment name
    shift 2
    # a copy is as secret as the file
    install -m 600 /dev/null "$file.rest"
    cp -p "$file" "$copy"
    for assignment; do
        name=${assignment%%=*}
        grep -v "^[[:space:]]*#\?\(export \)\?$name=" "$copy" >"$file.rest" || [[ $? == 1 ]]
        printf '%s\n' "$assignment" >>"$file.rest"
        cat "$file.rest" >"$copy"
    done
    rm "$file.rest"
    sync "$copy"
}

# $1: the file, $@: NAME=VALUE; all of them or none
write_env_file() {
    local file=$1
    shift
    copy_env_file "$file" "$file.new" "$@"
    mv "$file.new" "$file"
}
