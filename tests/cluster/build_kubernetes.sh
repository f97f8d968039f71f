#!/usr/bin/env bash
# Builds Kubernetes 1.20.2 from Debian bookworm's own source package, with Debian's Go, into one folder:
# kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, and beside them Debian's etcd.
#
#   build_kubernetes.sh FOLDER        about 8 minutes of CPU time; 1 with a warm GOCACHE
#
# 1.20.2 is the newest Kubernetes whose server Debian still ships sources of: no other host is needed.
# The work is done beside FOLDER and removed afterwards; GOCACHE is honoured and then kept.
set -euo pipefail

target=$(realpath -m "$1")
work=$target.work
version=1.20.2
needed=(golang-go dpkg-dev openssl ca-certificates)

stop() { echo "Kubernetes can't be built: $1" >&2; exit 1; }

check_machine() {
    command -v apt-get >/dev/null \
        || stop "this is no Debian. Put the binaries on PATH or name their folder in KUBEBUILDER_ASSETS."
    (. /etc/os-release && [ "${VERSION_CODENAME:-}" = bookworm ]) \
        || stop "it takes Debian 12 (bookworm). Name a folder with the binaries in KUBEBUILDER_ASSETS."
}

install_tools() {
    local missing=()
    for package in "${needed[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || stop "ask an administrator to run: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    echo "Installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

# The machine's own mirror with sources, kept apart so that the system's lists stay as they are.
list_sources() {
    mkdir -p "$work/apt/parts" "$work/apt/lists/partial"
    local entries=/etc/apt/sources.list.d/debian.sources
    if [ -e "$entries" ]; then
        sed 's/^Types:.*/Types: deb deb-src/' "$entries" >"$work/apt/parts/debian.sources"
    else
        sed -n 's/^deb \(.*\)/deb \1\ndeb-src \1/p' /etc/apt/sources.list >"$work/apt/parts/debian.list"
    fi
}

with_sources() {
    local command=$1
    shift
    "$command" -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/apt/parts" \
        -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o APT::Sandbox::User=root "$@"
}

fetch() {
    mkdir -p "$work/packages"
    cd "$work/packages"
    with_sources apt-get update
    with_sources apt-get source --download-only kubernetes
    # Unpacked, not installed: the package would start an etcd of its own.
    with_sources apt-get download golang-github-modern-go-reflect2-dev etcd-server
    ls kubernetes_*"$version"-*.dsc >/dev/null 2>&1 || stop "Debian's sources are not of version $version."
    rm -rf "$tree" "$work/reflect2"
    mkdir -p "$(dirname "$tree")"
    dpkg-source --no-check -x kubernetes_*.dsc "$tree" >/dev/null
    replace_reflect2
    mend_validation
}

# The vendored reflect2 1.0.1 crashes the API server on its first custom resource under Go >= 1.18.
replace_reflect2() {
    local vendored=$tree/vendor/github.com/modern-go/reflect2
    dpkg-deb -x golang-github-modern-go-reflect2-dev_*.deb "$work/reflect2"
    rm -f "$vendored"/*.go "$vendored"/*.s
    cp "$work"/reflect2/usr/share/gocode/src/github.com/modern-go/reflect2/*.{go,s} "$vendored/"
}

# Under Go >= 1.18 its way to recognise null takes every empty string of a custom resource for one too.
mend_validation() {
    local package
    for package in k8s.io/kube-openapi/pkg/validation github.com/go-openapi; do
        sed -i 's/if data == nil || reflect.DeepEqual(reflect.Zero.*/if data == nil {/' \
            "$tree/vendor/$package/validate/type.go"
    done
}

# Every package whose types are described by the API server: the ones marked for openapi-gen.
described_packages() {
    grep -rl '+k8s:openapi-gen=' --include='*.go' pkg plugin cmd staging/src/k8s.io \
        | grep -v -e code-generator/ -e sample-apiserver -e _test.go -e /testdata/ \
        | xargs -n1 dirname | LC_ALL=C sort -u \
        | sed 's#^staging/src/#k8s.io/kubernetes/vendor/#; t; s#^#k8s.io/kubernetes/#' | paste -sd,
}

# The one generated file the source package lacks.
generate_openapi() {
    go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    "$work/openapi-gen" -i "$(described_packages)" -p k8s.io/kubernetes/pkg/generated/openapi \
        -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations"
}

version_flags() {
    local flags="-s -w" package
    for package in component-base/version client-go/pkg/version; do
        local at=k8s.io/kubernetes/vendor/k8s.io/$package
        flags+=" -X $at.gitVersion=v$version -X $at.gitMajor=1 -X $at.gitMinor=20"
        flags+=" -X $at.gitTreeState=clean -X $at.buildDate=2021-01-13T13:20:00Z"
    done
    echo "$flags"
}

compile() {
    cd "$tree"
    # Modules would want to change go.mod, which the vendored tree forbids.
    export GOPATH=$work/gopath GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 GOCACHE="${GOCACHE:-$work/gocache}"
    generate_openapi
    mkdir -p "$work/bin"
    # Without the clouds' libraries and Docker's: half the size, two thirds of the time.
    go build -trimpath -tags 'providerless dockerless' -ldflags "$(version_flags)" -o "$work/bin/" \
        ./cmd/kube-apiserver ./cmd/kube-controller-manager ./cmd/kube-scheduler ./cmd/kubelet
    dpkg-deb --fsys-tarfile "$work"/packages/etcd-server_*.deb | tar -x -C "$work/bin" --strip-components=3 ./usr/bin/etcd
}

# In one step: a folder that is there is complete.
publish() {
    rm -rf "$target"
    mv "$work/bin" "$target"
    chmod -R u+w "$work"
    rm -rf "$work"
}

tree=$work/gopath/src/k8s.io/kubernetes
check_machine
install_tools
list_sources
echo "Building Kubernetes $version into $target (once; 3 to 10 minutes)" >&2
fetch
compile
publish
