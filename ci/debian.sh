# shellcheck shell=bash
# Sourced by the scripts of this folder: the project's cache, plain messages, and Debian packages that are only
# downloaded and unpacked. Nothing in here installs anything.

# shellcheck disable=SC2034  # for the scripts that source this file
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${LATENT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/latent}
me=ci/$(basename "$0")
PATH=$PATH:$cache/qemu/bin # emulators that ci/setup could not install
# One target folder for all steps, wherever a script was started from.
target=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")
export CARGO_TARGET_DIR=$target

say() { printf '%s\n' "$*" >&2; }
die() { say "$me: $*"; exit "${exit_status:-2}"; }

# The machine's release, "bookworm" for Debian 12.
codename() {
  local ID='' VERSION_CODENAME=''
  # shellcheck source=/dev/null
  . /etc/os-release
  [ "$ID" = debian ] && [ -n "$VERSION_CODENAME" ] || die "this needs Debian 12 or 13; the machine says it is ${ID:-unknown} ${VERSION_CODENAME}"
  printf '%s\n' "$VERSION_CODENAME"
}

# All Debian package sources of the machine, one paragraph each, whichever of apt's two formats they are written in.
apt_paragraphs() {
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    awk 'BEGIN { RS = ""; ORS = "\n\n" } !/(^|\n)Enabled: *no/ { gsub(/(^|\n)#[^\n]*/, ""); sub(/^\n+/, ""); print }' "$file"
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    awk '$1 == "deb" {
      at = 2; key = ""
      if ($2 ~ /^\[/) { while ($at !~ /\]$/ && at < NF) at++
                        if (match($0, /signed-by=[^] ]*/)) key = substr($0, RSTART + 10, RLENGTH - 10); at++ }
      printf "Types: deb\nURIs: %s\nSuites: %s\nComponents:", $at, $(at + 1)
      for (i = at + 2; i <= NF; i++) printf " %s", $i
      print (key == "" ? "" : "\nSigned-By: " key) "\n" }' "$file"
  done
}

# apt_state own|SUITE: points APT_CONFIG at an apt state of its own, for amd64 and arm64, that downloads from the
# machine's own mirror: "own" its own release with its updates, SUITE one other suite. The machine's apt is untouched.
apt_state() {
  local suite=$1 dir=$cache/apt/$1 own
  own=$(codename)
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  apt_paragraphs | awk -v own="$own" -v suite="$suite" 'BEGIN { RS = ""; ORS = "\n\n"; FS = "\n" } {
    line = ""
    for (i = 1; i <= NF; i++) if ($i ~ /^Suites:/) line = $i
    n = split(substr(line, 8), word, " ")
    exact = any = 0
    for (i = 1; i <= n; i++) { if (word[i] == own) exact = 1; if (index(word[i], own) == 1) any = 1 }
    if (suite == "own" && any) print
    if (suite != "own" && exact && !done++) { sub(/Suites:[^\n]*/, "Suites: " suite); print }
  }' > "$dir/debian.sources"
  [ -s "$dir/debian.sources" ] || die "no source for Debian $own in /etc/apt/sources.list or /etc/apt/sources.list.d; add one"
  : > "$dir/status"
  cat > "$dir/apt.conf" <<CONF
Dir::Etc::sourcelist "$dir/debian.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
APT::Architectures { "amd64"; "arm64"; };
CONF
  export APT_CONFIG=$dir/apt.conf
  compgen -G "$dir/lists/*Packages*" > /dev/null || apt_update
}

apt_update() {
  apt-get -qq -o APT::Sandbox::User=root update > "$cache/apt/update.log" 2>&1 ||
    die "cannot read Debian's package lists (see $cache/apt/update.log); is the network there?"
}

# unpack_debs DIR PACKAGE[:ARCH]...: downloads the packages of the chosen apt state and unpacks them together into
# DIR, all or nothing. Stale package lists are renewed once.
unpack_debs() {
  local dir=$1 deb
  shift
  rm -rf "$dir.new"
  mkdir -p "$dir.new/debs"
  (cd "$dir.new/debs" && apt-get download -qq -o APT::Sandbox::User=root "$@") > "$cache/apt/download.log" 2>&1 || {
    apt_update
    (cd "$dir.new/debs" && apt-get download -qq -o APT::Sandbox::User=root "$@") > "$cache/apt/download.log" 2>&1 ||
      die "cannot download $* (see $cache/apt/download.log)"
  }
  for deb in "$dir.new"/debs/*.deb; do dpkg -x "$deb" "$dir.new"; done
  rm -r "$dir.new/debs"
  rm -rf "$dir"
  mv "$dir.new" "$dir"
}
