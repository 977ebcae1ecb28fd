# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Needs git, make and a Python (3.13, 3.12 or 3.11); all else goes to .build, and the lab's parts to the user's cache.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON := .build/venv/bin/python
CHECK := $(PYTHON) tests/tools/check.py
LAB := $(PYTHON) tests/lab

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## prepare .build: tools in a virtual environment, the collection where Ansible finds it
	@python=$$(sh tests/tools/python.sh 3.13 3.12 3.11) && "$$python" tests/tools/workspace.py

.PHONY: demo
demo: setup ## make a real cluster of 1 + 2 nodes and upgrade it from 1.24 to 1.26 (needs root on Debian)
	@bash tests/tools/demo.sh

.PHONY: demo-down
demo-down: setup ## remove the demo's cluster
	@$(LAB) down --name demo

.PHONY: test
test: setup ## what CI runs: both molecule scenarios on real clusters, and beside them the checks of the upgrade itself
	@$(CHECK) all

.PHONY: fast
fast: setup ## every check that needs no cluster, also those that make test leaves out
	@$(CHECK) fast

.PHONY: lint
lint: setup ## ruff, mypy, yamllint, ansible-lint, changelog, documentation
	@$(CHECK) lint

.PHONY: units
units: setup ## unit tests
	@$(CHECK) units

.PHONY: sanity
sanity: setup ## ansible-test sanity
	@$(CHECK) sanity

.PHONY: build
build: setup ## the collection's artifact: built, checked by galaxy-importer, installed, its docs read
	@$(CHECK) build

.PHONY: playbook
playbook: setup ## all tests of the playbooks on pretended clusters
	@$(CHECK) playbook

.PHONY: molecule-default
molecule-default: setup ## scenario: 1 control plane, 2 workers, binaries, docker connection
	@$(CHECK) molecule-default

.PHONY: molecule-dnf
molecule-dnf: setup ## scenario (not part of test): 1 control plane, 2 workers, dnf packages, SSH, workers skip a minor
	@$(CHECK) molecule-dnf

.PHONY: molecule-findings
molecule-findings: setup ## scenario (not part of test): what breaks is seeded, found, mended; then the upgrade
	@$(CHECK) molecule-findings

.PHONY: molecule-closed
molecule-closed: setup ## scenario (not part of test): a closed network: proxy, private CA, passwords, archives of images
	@$(CHECK) molecule-closed

.PHONY: molecule-external-etcd
molecule-external-etcd: setup ## scenario (not part of test): etcd on a host of its own, which kubeadm did not make
	@$(CHECK) molecule-external-etcd

.PHONY: molecule-ha
molecule-ha: setup ## scenario: 3 control planes, 2 workers, packages, SSH
	@$(CHECK) molecule-ha

.PHONY: bench
bench: setup ## the playbook measured against the same upgrade by hand
	@$(PYTHON) tests/bench/upgrade.py

.PHONY: drain-table
drain-table: setup ## node_drain beside kubectl drain and kubernetes.core.k8s_drain, case by case, on a real cluster
	@$(PYTHON) tests/drain

.PHONY: chaos
chaos: setup ## an upgrade of 1 + 2 nodes that is killed at its steps and run again
	@$(PYTHON) tests/chaos kills

.PHONY: chaos-ha
chaos-ha: setup ## the same with 3 + 2 nodes
	@$(PYTHON) tests/chaos kills --control-planes 3 --kills 24

.PHONY: faults
faults: setup ## an upgrade of 1 + 2 nodes during which something on the nodes breaks
	@$(PYTHON) tests/chaos faults

.PHONY: faults-ha
faults-ha: setup ## the same with 3 + 2 nodes, and what breaks is of the control plane
	@$(PYTHON) tests/chaos faults --control-planes 3

.PHONY: uptime
uptime: setup ## requests that fail while a real cluster is upgraded
	@$(PYTHON) tests/uptime && $(PYTHON) tests/uptime --control-planes 3

.PHONY: awx
awx: setup ## the jobs of docs/awx on a real cluster, each run by ansible-runner as AWX would
	@$(PYTHON) tests/awx

.PHONY: waves
waves: setup ## four workers one at a time and in waves, on two real clusters: time, budgets, what was out at once
	@$(PYTHON) tests/waves

.PHONY: fleet
fleet: setup ## three real clusters in waves, the second made to fail, mended, and gone on with
	@$(PYTHON) tests/fleet

.PHONY: blue-green
blue-green: setup ## traffic moved between two real clusters behind HAProxy, to green and back, failed requests counted
	@$(PYTHON) tests/bluegreen

.PHONY: test-modern
test-modern: setup ## today's Kubernetes: 1.34 to 1.36 with workers drained once; 1.33 to 1.34 over etcd's step within 3.5
	@$(PYTHON) tests/modern && $(PYTHON) tests/modern --bridge --workers 1

.PHONY: replace
replace: setup ## new nodes take over from old ones on real clusters: workers, and a control plane with 3 of them
	@$(PYTHON) tests/replace && $(PYTHON) tests/replace --control-planes 3

.PHONY: restore-drill
restore-drill: setup ## up a hop, back to the backup, and up again, on real clusters
	@$(PYTHON) tests/restore --workers 1 && $(PYTHON) tests/restore --control-planes 3 --encrypt

.PHONY: clean
clean: ## remove .build and what tools left behind (clusters and the lab's cache stay)
	@rm -rf .build .ansible .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache collections tests/output uplift-kubeadm-*.tar.gz
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
