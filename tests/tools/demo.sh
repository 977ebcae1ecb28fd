#!/usr/bin/env bash
# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What `make demo` does: a cluster of 1 + 2 nodes at 1.24.17, the playbook to 1.26, its nodes before and after.
set -eu

cd "$(dirname "$0")/../.."
export PATH="$PWD/.build/venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/.build/collections" ANSIBLE_CONFIG="$PWD/ansible.cfg"
name=demo

say() { printf '\n=== %s\n' "$*"; }
nodes() { python tests/lab exec --name "$name" cp1 -- kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes -o wide; }

say "A kubeadm cluster at 1.24.17 (the first time on this machine, its parts are made: many minutes)"
python tests/lab up --name "$name" --control-planes 1 --workers 2 --version 1.24.17 --hops 1.25.4,1.26.9
inventory=$(python tests/lab inventory --name "$name" --path)

say "Its nodes before"
before=$(nodes)
echo "$before"

# One line an event that matters, marked by >>.
export ANSIBLE_CALLBACKS_ENABLED=uplift.kubeadm.progress

say "ANSIBLE_CALLBACKS_ENABLED=$ANSIBLE_CALLBACKS_ENABLED ansible-playbook uplift.kubeadm.upgrade -i $inventory -e target=1.26"
SECONDS=0
ansible-playbook uplift.kubeadm.upgrade -i "$inventory" -e target=1.26

say "Its nodes before"
echo "$before"
say "Its nodes after $((SECONDS / 60)) min $((SECONDS % 60)) s"
nodes

say "The cluster stays"
echo "Look at it:    .build/venv/bin/python tests/lab exec --name $name cp1 -- kubectl --kubeconfig /etc/kubernetes/admin.conf get pods -A"
echo "Run it again:  make demo    (nothing is left to do, and nothing is changed)"
echo "Remove it:     make demo-down"
