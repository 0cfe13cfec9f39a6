"""Sends webhook deliveries in the background, as GitHub does: signed, once, in no guaranteed order.

https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers
"""

from __future__ import annotations

import hashlib
import hmac
import queue
import random
import ssl
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote_plus

import httpx

from .clock import Clock
from .world import GitHubApp, Hook, Organization, Repository

KEPT = 2000  # deliveries
LARGEST = 25 * 1024 * 1024  # bytes; GitHub sends nothing larger
LISTED = timedelta(days=3)
TIMEOUT = 10.0  # seconds
_GATHERING = 0.25  # seconds in which shuffled deliveries are collected
Home = Repository | Organization | GitHubApp


@dataclass
class HookFaults:
    """Delivery faults; `drop` and `duplicate` are shares, `delay` is in seconds."""

    drop: float = 0.0
    duplicate: float = 0.0
    shuffle: bool = False
    delay: float = 0.0


@dataclass
class Delivery:
    """One delivery attempt to one hook.

    `guid` identifies the event: other hooks and attempts share it.
    """

    id: int
    guid: str
    hook: Hook
    home: Home
    event: str
    action: str | None
    body: bytes
    delivered_at: datetime
    redelivery: bool = False
    status: str = "queued"
    status_code: int = 0
    duration: float = 0.0
    sent: bytes = b""
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status_code < 400


class Deliveries:
    """All deliveries: pending ones and those of the last days."""

    def __init__(self, clock: Clock, seed: int, url: Callable[[], str]) -> None:
        self.clock, self.url = clock, url
        self.faults = HookFaults()
        self.random = random.Random(seed)
        self.attempted: deque[Delivery] = deque(maxlen=KEPT)
        self.last: dict[int, Delivery] = {}  # by hook id
        self._waiting: queue.Queue[Delivery | None] = queue.Queue()
        self._worker: threading.Thread | None = None
        self._numbers = int(time.time() * 1000)

    def new_guid(self) -> str:
        return str(uuid.uuid4())  # not from the seed: a restart must not repeat them

    def send(
        self, home: Home, hook: Hook, event: str, action: str | None, body: bytes, guid: str
    ) -> None:
        """Queues one delivery, or two or none if a fault says so."""
        if len(body) > LARGEST or self.random.random() < self.faults.drop:
            return
        copies = 2 if self.random.random() < self.faults.duplicate else 1
        for _ in range(copies):
            now = self.clock.now()
            self._queue(Delivery(self._next(), guid, hook, home, event, action, body, now))

    def redeliver(self, former: Delivery) -> None:
        """Retries with the same body and GUID."""
        again = Delivery(
            self._next(),
            former.guid,
            former.hook,
            former.home,
            former.event,
            former.action,
            former.body,
            self.clock.now(),
            redelivery=True,
        )
        self._queue(again)

    def of(self, hook: Hook) -> list[Delivery]:
        """The hook's deliveries of the last three days, newest first."""
        since = self.clock.now() - LISTED
        mine = [d for d in list(self.attempted) if d.hook.id == hook.id and d.delivered_at > since]
        return sorted(mine, key=lambda delivery: -delivery.id)

    def wait(self, seconds: float = 10.0) -> bool:
        """Waits until everything queued so far was sent; False if that took longer."""
        until = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.005)
        return not self._waiting.unfinished_tasks

    @property
    def waiting(self) -> int:
        """How many are pending."""
        return self._waiting.unfinished_tasks

    def close(self) -> None:
        """Sends nothing more."""
        if self._worker:
            self._waiting.put(None)
            self._worker.join(timeout=1)

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers

    def _queue(self, delivery: Delivery) -> None:
        """Signed with the current secret."""
        form = delivery.hook.content_type == "form"
        quoted = b"payload=" + quote_plus(delivery.body).encode()
        delivery.sent = quoted if form else delivery.body
        delivery.request_headers = headers(delivery, self.url())
        self._waiting.put(delivery)
        if self._worker is None:
            self._worker = threading.Thread(target=self._work, name="hooks", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        trusted = ssl.create_default_context()  # the machine's authorities, or SSL_CERT_FILE
        with httpx.Client(timeout=TIMEOUT, trust_env=False, verify=trusted) as client:
            while batch := self._batch():
                for delivery in batch:
                    self._attempt(client, delivery)
                    self._waiting.task_done()

    def _batch(self) -> list[Delivery]:
        """The next delivery; with the fault, all of a moment in random order. Empty at the end."""
        first = self._waiting.get()
        if first is None or self.faults.delay:
            time.sleep(self.faults.delay)
        batch = [first]
        if self.faults.shuffle:
            time.sleep(_GATHERING)
            batch += [self._waiting.get_nowait() for _ in range(self._waiting.qsize())]
            self.random.shuffle(batch)
        return [] if None in batch else [delivery for delivery in batch if delivery]

    def _attempt(self, client: httpx.Client, delivery: Delivery) -> None:
        begun = time.monotonic()
        try:
            response = client.post(
                delivery.hook.url, content=delivery.sent, headers=delivery.request_headers
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            timed_out = isinstance(error, httpx.TimeoutException)
            delivery.status = "timed out" if timed_out else "failed to connect to host"
        else:
            _settle(delivery, response)
        delivery.duration = round(time.monotonic() - begun, 2)
        self.last[delivery.hook.id] = delivery
        self.attempted.append(delivery)


def _settle(delivery: Delivery, response: httpx.Response) -> None:
    delivery.status_code = response.status_code
    good = f"{response.reason_phrase or 'OK'}"
    bad = f"Invalid HTTP Response: {response.status_code}"
    delivery.status = good if delivery.succeeded else bad
    delivery.response_headers = {name.title(): value for name, value in response.headers.items()}
    delivery.response_body = response.text[:10_000]


def signature(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """The value of X-Hub-Signature-256 for a body."""
    return f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"


def headers(delivery: Delivery, url: str) -> dict[str, str]:
    """All headers of a delivery."""
    home, hook = delivery.home, delivery.hook
    target = home.account.id if isinstance(home, Organization) else home.id
    form = hook.content_type == "form"
    sent = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        "User-Agent": f"GitHub-Hookshot/{hashlib.sha256(url.encode()).hexdigest()[:7]}",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(target),
        "X-GitHub-Hook-Installation-Target-Type": kind(home),
        "X-GitHub-Enterprise-Host": url.partition("://")[2],
        "X-GitHub-Enterprise-Version": "3.17.0",
    }
    if hook.secret:
        sent["X-Hub-Signature"] = signature(hook.secret, delivery.sent, "sha1")
        sent["X-Hub-Signature-256"] = signature(hook.secret, delivery.sent)
    return sent


def kind(home: Home) -> str:
    """What a hook belongs to, in GitHub's word."""
    if isinstance(home, GitHubApp):
        return "integration"
    return "repository" if isinstance(home, Repository) else "organization"
