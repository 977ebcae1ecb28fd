#!/usr/bin/env bash
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An upgrade by hand, as kubernetes.io has it ("Upgrading kubeadm clusters", "Upgrading Linux nodes"), typed by somebody
# who never pauses: no Ansible, no waiting but on what the documentation says to look at.
#
#   by_hand.sh URL CONTROL_PLANE "WORKER WORKER ..." VERSION...
#
# URL is a mirror of dl.k8s.io/release; nodes are names of the cluster's nodes, which are those of their containers;
# a VERSION (v1.25.4) is a hop. One control plane. Each line that begins with "==" is a step.
set -euo pipefail

url=$1 control_plane=$2 versions=("${@:4}")
read -r -a workers <<<"$3"
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac

step() { echo "== $version, $*"; }
on() { docker exec "$@"; }
kubectl() { on "$control_plane" kubectl --kubeconfig=/etc/kubernetes/admin.conf "$@"; }

# A single API server is away for some seconds after its kubelet restarts; a person then presses arrow-up and Enter.
again() {
    local patience=$((SECONDS + 300))
    until "$@"; do
        ((SECONDS < patience)) || return 1
        sleep 0.5
    done
}

# replace NODE VERSION PROGRAM...: "Install and Set Up kubectl on Linux" and "Without a package manager".
replace() {
    step "$1: install ${*:3}"
    # shellcheck disable=SC2016
    on "$1" bash -euo pipefail -c '
        cd "$(mktemp -d)"
        for program in "${@:2}"; do
            curl -fsSLO "$1/$program" -O "$1/$program.sha256"
            echo "$(cat "$program.sha256")  $program" | sha256sum --check --quiet
            install -o root -g root -m 0755 "$program" "/usr/bin/$program"
        done
        rm -r "$PWD"' bash "$url/$2/bin/linux/$arch" "${@:3}"
}

# The part that takes a node out of service: node NODE VERSION.
kubelet() {
    step "$1: drain"
    again kubectl drain "$1" --ignore-daemonsets
    replace "$1" "$2" kubelet kubectl
    step "$1: restart kubelet"
    on "$1" systemctl daemon-reload
    on "$1" systemctl restart kubelet
    step "$1: wait until Ready, uncordon"
    again kubectl wait --for=condition=Ready "node/$1" --timeout=300s
    again kubectl uncordon "$1"
}

for version in "${versions[@]}"; do
    replace "$control_plane" "$version" kubeadm
    step "$control_plane: kubeadm upgrade apply"
    on "$control_plane" kubeadm upgrade apply -y "$version"
    kubelet "$control_plane" "$version"
    for worker in "${workers[@]}"; do
        replace "$worker" "$version" kubeadm
        step "$worker: kubeadm upgrade node"
        again on "$worker" kubeadm upgrade node
        kubelet "$worker" "$version"
    done
    step "cluster: all nodes Ready"
    again kubectl wait --for=condition=Ready node --all --timeout=300s
    again kubectl wait "--for=jsonpath={.status.nodeInfo.kubeletVersion}=$version" node --all --timeout=300s
done
