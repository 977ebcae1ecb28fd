# Copyright (c) 2026, The uplift.kubeadm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is played, on clusters and on loopback alike: there, back, at once, and a green that fails half way."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .client import TIMEOUT, Client, Tally
from .haproxy import Haproxy
from .loopback import Balancers

LEAST_REQUESTS = 50  # a scene with fewer has shown nothing
TELLING = 300  # answers, from which on their shares must be near those of the weights
SETTLE = 0.5  # seconds in which a request that was under way at a reload has its answer


class Stage(Protocol):
    """Two clusters behind HAProxies."""

    title: str

    @property
    def balancers(self) -> Balancers: ...

    def break_green(self) -> None: ...
    def mend_green(self) -> None: ...


@dataclass
class Scene:
    """What was seen of one run of the playbook."""

    title: str
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    reloads: int = 0
    shares: list[tuple[int, float, int]] = field(default_factory=list)  # percent wanted, percent seen, answers
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    may_fail: bool = False  # requests fail in it on purpose

    def lines(self) -> list[str]:
        failed = len(self.tally.failures)
        reloads = f", HAProxy reloaded {self.reloads} times" if self.reloads else ""
        head = f"  {self.title:44} {self.seconds:6.1f} s  {self.tally.requests:7,} requests, {failed} failed{reloads}"
        shares = [
            f"      {wanted:3} % to green: {seen:5.1f} % of {answers:,} answers"
            for wanted, seen, answers in self.shares
        ]
        return [
            head,
            *shares,
            *(f"      {note}" for note in self.notes),
            *(f"      WRONG: {text}" for text in self.wrong),
        ]

    def figures(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {**vars(self), "tally": {**vars(self.tally), "by": dict(self.tally.by)}}

    def judge(self) -> None:
        if self.tally.failures and not self.may_fail:
            self.wrong.append(f"{len(self.tally.failures)} requests failed: {'; '.join(self.tally.failures[:3])}")
        if self.tally.requests < LEAST_REQUESTS:
            self.wrong.append(f"only {self.tally.requests} requests were sent")


class Player:
    """Plays scenes one after the other, with one client through all of them. They are added to `scenes`."""

    def __init__(
        self,
        stage: Stage,
        client: Client,
        folder: Path,
        deadline: float,
        say: Callable[[str], None],
        scenes: list[Scene],
    ) -> None:
        self.stage, self.client, self.folder, self.deadline, self.say = stage, client, folder, deadline, say
        self.proxy: Haproxy = stage.balancers.proxies[0]
        self.scenes = scenes

    def play(
        self,
        title: str,
        variables: dict[str, Any],
        *,
        expected: int = 0,
        share: int,
        says: Sequence[str] = (),
        reload_every: float = 0.0,
        at_share: tuple[int, Callable[[], None]] | None = None,
    ) -> Scene:
        """One run of the playbook. `share` is where the traffic must go after it; `says` are parts of its output.

        `at_share`: something to do, once, when green has that share.
        """
        self.say(f"  {title}")
        scene = Scene(title)
        self.scenes.append(scene)
        log = self.folder / f"{len(self.scenes)}.log"
        stop = threading.Event()
        reloader = threading.Thread(target=self._reload, args=(scene, reload_every, stop), daemon=True)
        before = len(self.client.total.failures), sum(self.client.total.by.values())
        self.client.since()
        began = time.monotonic()
        process = self.stage.balancers.start(variables, log)
        if reload_every:
            reloader.start()
        try:
            self._watch(scene, process, at_share)
        finally:
            stop.set()
            if process.poll() is None:
                process.kill()
        if reload_every:
            reloader.join(30)
        scene.seconds = time.monotonic() - began
        if reload_every and scene.reloads < scene.seconds / (5 * reload_every):
            scene.wrong.append(f"HAProxy was reloaded {scene.reloads} times only")
        self._look(scene, process.returncode, expected, share, says, log)
        time.sleep(SETTLE)
        scene.tally.failures = self.client.total.failures[before[0] :]
        scene.tally.by["answered"] = sum(self.client.total.by.values()) - before[1]
        scene.judge()
        return scene

    def _watch(
        self, scene: Scene, process: subprocess.Popen[bytes], at_share: tuple[int, Callable[[], None]] | None
    ) -> None:
        """Until it has ended; answers are counted by the weights under which they came."""
        share = self.share()
        while process.poll() is None:
            if time.monotonic() > self.deadline:
                scene.wrong.append("the time is over")
                return
            time.sleep(0.05)
            now = self.share()
            if at_share and now == at_share[0]:
                at_share[1]()
                scene.notes.append(f"at {now} % green was made to fail")
                broken, at_share = time.monotonic(), None
                scene.may_fail = True
                self._until_back(scene, process, broken)
                return
            if now != share:
                self._count(scene, share)
                share = now
        self._count(scene, share)

    def _until_back(self, scene: Scene, process: subprocess.Popen[bytes], broken: float) -> None:
        before = len(self.client.total.failures)
        while self.share() != 0 and process.poll() is None and time.monotonic() < self.deadline:
            time.sleep(0.05)
        scene.notes.append(f"{time.monotonic() - broken:.1f} s later all traffic went to blue again")
        time.sleep(TIMEOUT + 1)  # a request that went to green just before has failed by then
        failed = len(self.client.total.failures) - before
        self.client.since()
        try:
            process.wait(max(1.0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            scene.wrong.append("the time is over")
        time.sleep(2)  # the playbook may have ended long ago
        after = self.client.since()
        if after.failures:
            scene.wrong.append(
                f"{len(after.failures)} requests failed after it went back to blue: {after.failures[:2]}"
            )
        scene.notes.append(f"{failed} requests had failed until then, {len(after.failures)} after it")

    def _count(self, scene: Scene, share: int) -> None:
        tally = self.client.since()
        answers = sum(tally.by.values())
        if answers > LEAST_REQUESTS:
            scene.shares.append((share, tally.share("green"), answers))
            if answers >= TELLING and abs(tally.share("green") - share) > 5:
                scene.wrong.append(f"{tally.share('green'):.1f} % of the answers are green's, not {share} %")

    def share(self, proxy: Haproxy | None = None) -> int:
        """Percent of the weights that green has, at the HAProxy that the client asks or another."""
        weights = (proxy or self.proxy).weights()
        whole = sum(weights.values())
        return round(100 * sum(w for name, w in weights.items() if name.startswith("green")) / whole) if whole else 0

    def _reload(self, scene: Scene, every: float, stop: threading.Event) -> None:
        while not stop.wait(every):
            self.proxy.reload()
            scene.reloads += 1

    def _look(self, scene: Scene, code: int | None, expected: int, share: int, says: Sequence[str], log: Path) -> None:
        text = log.read_text(encoding="utf-8", errors="replace")
        if code is None or (code == 0) is not (expected == 0):
            scene.wrong.append(f"the playbook ended with {code}, see {log}")
        text = " ".join(text.split())
        scene.wrong += [f"it does not say «{words}», see {log}" for words in says if words not in text]
        for number, proxy in enumerate(self.stage.balancers.proxies, 1):
            if (found := self.share(proxy)) != share:
                scene.wrong.append(f"{found} % of the traffic goes to green at lb{number}, not {share} %")
            proxy.reload()
            if (found := self.share(proxy)) != share:
                scene.wrong.append(f"after a reload {found} % goes to green at lb{number}, not {share} %")


def play_all(player: Player, hold: int) -> None:
    """The whole of it."""
    steps = {"switch_traffic_hold": hold, "switch_traffic_report_every": max(1, hold // 2)}
    player.play("blue to green, 10, 50, 100 %", steps, share=100, says=["100 % of the traffic goes to green."])
    player.play("the same again changes nothing", steps, share=100, says=["There is nothing to do."])
    player.play("green to blue, in the same steps", {**steps, "switch_traffic_to": "blue"}, share=0)
    player.play("blue to green, HAProxy reloaded all the while", steps, share=100, reload_every=1.0)
    player.play("back to blue at once", {"switch_traffic_back": True}, share=0, says=["All traffic goes to blue."])
    player.play(
        "green fails at 50 %",
        {**steps, "switch_traffic_hold": 60, "switch_traffic_report_every": 30, "switch_traffic_steps": [50, 100]},
        expected=2,
        share=0,
        says=["Green is not well (50 %", "All traffic goes to blue again."],
        at_share=(50, player.stage.break_green),
    )
    player.stage.mend_green()
    player.play("green is mended: the same command goes through", steps, share=100)
