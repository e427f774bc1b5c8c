# shellcheck shell=bash
# Small things the other scripts share. Sourced, not run.

# cargo and what `cargo install` brings are often missing from the PATH of a non-login shell, and so is /usr/sbin.
PATH="${CARGO_HOME:-${HOME:-/root}/.cargo}/bin:$PATH:/usr/sbin:/sbin"
export PATH

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# Where the browser's tests find their packages: outside the clone, and kept from run to run.
browser_packages() { printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/maru-browser"; }

have() { command -v "$1" >/dev/null 2>&1; }

# The directory with PostgreSQL's server programs. Debian keeps them out of PATH, one directory for each version.
pg_bin() {
    local dir
    if have initdb && have postgres; then
        dirname "$(command -v initdb)"
        return
    fi
    while read -r dir; do
        if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then
            printf '%s\n' "$dir"
            return
        fi
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)
    return 1
}
