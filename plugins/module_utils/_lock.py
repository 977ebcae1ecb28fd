# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time changes a cluster: a Lease in kube-system.

Whoever writes the Lease does so with the resourceVersion that it read, so of two that want the lock one gets it. Times
are the API server's (its Date header), never those of a controller or of the host that a module runs on. What is left
to assume is stated once: clocks of API servers of one cluster are within SKEW seconds of each other.
"""

from __future__ import annotations

import json
import typing as t
from datetime import datetime, timezone

from ansible_collections.uplift.kubeadm.plugins.module_utils._api import Api, ApiError, Object
from ansible_collections.uplift.kubeadm.plugins.module_utils._errors import UpliftError

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
NAME = "uplift-kubeadm"
LEASE = f"{LEASES}/{NAME}"
SHOWN = f"Lease kube-system/{NAME}"
HOLDER_ANNOTATION = "uplift.kubeadm/holder"  # JSON: who holds it, as _lock_holder.identify() has it
STOP_ANNOTATION = "uplift.kubeadm/stop"  # JSON {"by", "at", "reason"}: end before the next node
REPLACEMENT = "replacement of nodes"  # a purpose of a run, which ends between two nodes as an upgrade does
DURATION = 900  # seconds that a sign of life counts for
SKEW = 30.0  # seconds that the clocks of two API servers may differ by

_CONFLICTS = 20  # times that the Lease may change between our reading and our writing it, before we give up


class Lock(t.NamedTuple):
    """The Lease as it was read. Times are seconds since 1970 by the API server's clock."""

    holder: Object  # at least {"id"}
    since: float
    renewed: float
    duration: float
    stop: Object | None
    transitions: int
    uid: str
    version: str

    @property
    def identity(self) -> str:
        return str(self.holder["id"])

    @property
    def ends(self) -> float:
        """When someone else may take it, unless it is renewed before."""
        return self.renewed + self.duration + SKEW


class Held(UpliftError):
    """Someone else holds the lock, as far as can be told from here."""

    def __init__(self, lock: Lock, now: float) -> None:
        self.lock = lock
        ask = "or ask it to end before its next node, with «ansible-playbook uplift.kubeadm.stop»; "
        ask = ask if ends_early(lock.holder) else ""
        super().__init__(
            f"Another run is at work on this cluster, so nothing was begun. It is {words(lock.holder)}, at it since "
            f"{stamp(lock.since)}; its last sign of life was {max(0, now - lock.renewed):.0f} s ago ({SHOWN}). Without "
            f"another one its lock ends at {stamp(lock.ends)}, in {max(0, lock.ends - now):.0f} s by the API server's "
            f"clock. Wait for it; {ask}or, if you know that it is dead, run again with "
            "-e kubeadm_upgrade_take_over=true."
        )


class LockLost(UpliftError):
    """The lock was ours, and is not any more."""

    def __init__(self, lock: Lock | None) -> None:
        why = (
            f"{SHOWN} is gone: someone deleted it."
            if lock is None
            else f"Since {stamp(lock.since)} it is held by {words(lock.holder)}."
        )
        super().__init__(
            f"This run no longer holds the lock of the cluster, so it begins nothing more. {why} Leave the cluster to "
            "the run that holds the lock now; when that has ended, the same command goes on from where the cluster is."
        )


class Taken(t.NamedTuple):
    """Outcome of acquire(). why: "free", "ours", "dead", "expired" or "asked"; before is the lock that was taken."""

    changed: bool
    why: str
    before: Lock | None


def read(api: Api) -> Lock | None:
    """The lock as it is; None when nobody holds it."""
    lease = api.find(LEASE)
    if lease is None:
        return None
    spec, metadata = lease.get("spec") or {}, lease["metadata"]
    notes = metadata.get("annotations") or {}
    identity = spec.get("holderIdentity") or ""
    holder = _json(notes.get(HOLDER_ANNOTATION))
    if holder is None or holder.get("id") != identity:  # someone else's tool wrote it, or a person did
        holder = {"id": identity}
    made = seconds_of(metadata.get("creationTimestamp"), 0.0)
    return Lock(
        holder,
        seconds_of(spec.get("acquireTime"), made),
        seconds_of(spec.get("renewTime"), made),
        float(spec.get("leaseDurationSeconds") or DURATION),
        _json(notes.get(STOP_ANNOTATION)),
        int(spec.get("leaseTransitions") or 0),
        metadata["uid"],
        metadata["resourceVersion"],
    )


def acquire(
    api: Api,
    holder: Object,
    duration: float = DURATION,
    *,
    take_over: bool = False,
    instead_of: str | None = None,
    dry_run: bool = False,
) -> Taken:
    """Take the lock for `holder`, or renew it when it is the holder's already.

    :param instead_of: identity of a holder that is known to be dead; only its lock is taken before its time.
    :param take_over: take it from whomever.
    :raises Held: someone else holds it.
    """
    for _attempt in range(_CONFLICTS):
        now = api.now()  # before the Lease is read: what is renewed between the two counts as fresh
        lock = read(api)
        why = _may_take(lock, holder["id"], now, take_over, instead_of)
        if why is None:
            raise Held(t.cast(Lock, lock), now)
        if dry_run or _wrote(api, lock, _taken(lock, holder, duration, now, why)):
            return Taken(why != "ours", why, lock)
    raise _restless()


def renew(api: Api, identity: str, duration: float | None = None) -> Lock:
    """A sign of life; the lock as it was before, with a request to stop if there is one.

    :raises LockLost: someone took it, or removed it.
    """
    for _attempt in range(_CONFLICTS):
        now = api.now()
        lock = read(api)
        if lock is None or lock.identity != identity:
            raise LockLost(lock)
        spec: Object = {"renewTime": micro(max(now, lock.renewed))}
        if duration is not None:
            spec["leaseDurationSeconds"] = int(duration)
        if _wrote(api, lock, {"spec": spec}):
            return lock
    raise _restless()


def release(api: Api, identity: str, dry_run: bool = False) -> bool:
    """Remove the lock if it is ours; whether it was. A request to stop goes with it."""
    for _attempt in range(_CONFLICTS):
        lock = read(api)
        if lock is None or lock.identity != identity:
            return False
        if dry_run:
            return True
        try:
            api.delete(LEASE, {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": _exactly(lock)})
            return True
        except ApiError as e:
            if e.status == 404:
                return True
            if e.status != 409:
                raise
    raise _restless()


def ask_to_stop(api: Api, request: Object | None, dry_run: bool = False) -> tuple[bool, Lock | None]:
    """Leave a request with the holder to end before its next node, or take it back (None); whether that changed it.

    A request that is there already stays as it is: who asked first, and when, is of more use. A run that does
    not end early is left to come to its end.
    """
    for _attempt in range(_CONFLICTS):
        lock = read(api)
        if lock is None or not ends_early(lock.holder) or bool(lock.stop) == bool(request):
            return False, lock
        text = None if request is None else json.dumps(request, sort_keys=True)
        if dry_run or _wrote(api, lock, {"metadata": {"annotations": {STOP_ANNOTATION: text}}}):
            return True, lock._replace(stop=request)
    raise _restless()


def ends_early(holder: t.Mapping[str, t.Any]) -> bool:
    """Can this run end between two nodes? An upgrade and a replacement can, a backup and a restore cannot."""
    return holder.get("purpose") in (None, "", REPLACEMENT)


def words(holder: t.Mapping[str, t.Any]) -> str:
    """Who that is, for a person: "anna on bastion (process 812), upgrade to 1.26"."""
    if "pid" not in holder:
        return f"«{holder['id']}»" if holder.get("id") else "nobody"
    text = f"{holder.get('user')} on {holder.get('host')} (process {holder['pid']})"
    if holder.get("job"):
        text = f"{holder['job']} of {text}"
    purpose = holder.get("purpose") or (f"upgrade to {holder['target']}" if holder.get("target") else "")
    return f"{text}, {purpose}" if purpose else text


def stop_words(stop: t.Mapping[str, t.Any]) -> str:
    """Who asked the run to stop, for a person."""
    reason = f": {stop['reason']}" if stop.get("reason") else ""
    by, at = stop.get("by", "Someone"), stop.get("at", "some time")
    return f"{by} asked this run at {at} to end before its next node{reason}"


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro(seconds: float) -> str:
    """As the API's MicroTime wants it: with all six digits."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_of(text: t.Any, otherwise: float) -> float:
    """Seconds since 1970 of a time of the API's, with or without a fraction."""
    try:
        return datetime.strptime(text[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (TypeError, ValueError):
        return otherwise


def _may_take(lock: Lock | None, identity: str, now: float, take_over: bool, instead_of: str | None) -> str | None:
    """Why the lock may be taken; None when it may not."""
    if lock is None or not lock.identity:
        return "free"
    if lock.identity == identity:
        return "ours"
    if instead_of is not None and lock.identity == instead_of:
        return "dead"
    if now > lock.ends:
        return "expired"
    return "asked" if take_over else None


def _taken(lock: Lock | None, holder: Object, duration: float, now: float, why: str) -> Object:
    """What is to be written of the Lease."""
    if why == "ours":
        return {"spec": {"renewTime": micro(now), "leaseDurationSeconds": int(duration)}}
    annotations = {HOLDER_ANNOTATION: json.dumps(holder, sort_keys=True), STOP_ANNOTATION: None}
    spec = {
        "holderIdentity": holder["id"],
        "leaseDurationSeconds": int(duration),
        "acquireTime": micro(now),
        "renewTime": micro(now),
        "leaseTransitions": lock.transitions + 1 if lock else 0,
    }
    return {"metadata": {"annotations": annotations}, "spec": spec}


def _wrote(api: Api, lock: Lock | None, change: Object) -> bool:
    """Write the Lease if it still is what was read; whether it was. An answer that was lost reads as a conflict, too:
    the next look then finds what was written."""
    try:
        if lock is None:
            notes = {name: text for name, text in change["metadata"]["annotations"].items() if text is not None}
            metadata = {"name": NAME, "namespace": "kube-system", "annotations": notes}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
            api.create(LEASES, {**body, "spec": change["spec"]})
        else:
            metadata = {**change.get("metadata", {}), "resourceVersion": lock.version}  # else a 409
            api.patch(LEASE, {**change, "metadata": metadata})
        return True
    except ApiError as e:
        if e.status not in (404, 409):
            raise
        return False


def _exactly(lock: Lock) -> Object:
    return {"uid": lock.uid, "resourceVersion": lock.version}


def _restless() -> UpliftError:
    return UpliftError(
        f"The {SHOWN} changed {_CONFLICTS} times while it was to be written: what writes it all the time?"
    )


def _json(text: t.Any) -> Object | None:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, dict) else None
