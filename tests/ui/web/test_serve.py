"""serve: real servers, signals, workers, and what replaces what meanwhile."""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from small_model import SmallModel, train
from small_server import ROW, Clients, Server, serving

from pystore import Store, match_best
from pystore.core.errors import BadPlace, BadStage
from pystore.ui.web.serve import asgi, serve


def test_WS1_the_socket_listens_before_anything_is_trained(store: Store):
    with serving(store) as server:
        assert httpx.get(f"{server.url}/ready").status_code == 503
        assert httpx.post(f"{server.url}/predict", json=ROW).status_code == 503
        first = train()
        server.wait_until_ready(first)
        assert "follows match_best(file='test'" in server.line


def test_realizations_take_over_under_load_and_none_goes_back(store: Store):
    order: list[str] = [train(scale=1.0, score=0.1)]
    with serving(store) as server:
        server.wait_until_ready(order[0])
        with Clients(server.url, 8) as clients:
            for i in range(2, 6):
                clients.wait_for(80)
                order.append(train(scale=float(i), score=i / 10))
                server.wait_until_ready(order[-1])
            clients.wait_for(80)
        assert (clients.failures, clients.lost) == ([], 0)
        assert clients.count >= 400
        for answers in clients.answers:
            places = [order.index(rref) for rref in answers]
            assert places == sorted(places)
        assert {rref for answers in clients.answers for rref in answers} >= {order[0], order[-1]}


def test_bad_ones_are_refused_under_load_and_the_next_good_one_is_taken(store: Store):
    good = train(scale=1.0, score=0.1)
    with serving(store, load_within=3.0) as server:
        server.wait_until_ready(good)
        with Clients(server.url, 4) as clients:
            bad = [train(score=0.5 + i / 10, fault=f) for i, f in enumerate(("other", "hangs"))]
            refused: dict[str, str] = {}
            limit = time.monotonic() + 60
            while not {*bad} <= {*refused} and time.monotonic() < limit:
                refused = httpx.get(f"{server.url}/ready").json()["refused"]
                time.sleep(0.05)
            assert {*bad} == {*refused}
            better = train(scale=2.0, score=0.9)
            server.wait_until_ready(better)
            clients.wait_for(20)
        assert (clients.failures, clients.lost) == ([], 0)
        assert {rref for answers in clients.answers for rref in answers} == {good, better}


def test_WS2_at_sigterm_what_has_come_is_answered_and_serve_returns(store: Store):
    first = train()
    with serving(store) as server:
        server.wait_until_ready(first)
        with Clients(server.url, 4) as clients:
            clients.wait_for(50)
            begun = time.monotonic()
            assert server.end() == 0
            assert time.monotonic() - begun < 60
        assert clients.failures == []
        assert server.process.stdout is not None
        assert server.process.stdout.read() == "returned\n"


def test_WS2_a_loader_that_hangs_does_not_hinder_the_end(store: Store):
    train(fault="hangs")
    with serving(store) as server:
        assert httpx.get(f"{server.url}/ready").status_code == 503
        begun = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - begun < 60


def _children(server: Server) -> list[int]:
    pid = server.process.pid
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs /proc")


@needs_proc
def test_WS3_a_worker_that_is_killed_is_replaced_and_the_others_answer(store: Store):
    first = train()
    with serving(store, workers=2) as server:
        server.wait_until_ready(first)
        before = _children(server)
        assert len(before) == 2
        with Clients(server.url, 4) as clients:
            clients.wait_for(40)
            os.kill(before[0], signal.SIGKILL)
            begun = time.monotonic()
            while len({*_children(server)} - {before[0]}) < 2 and time.monotonic() < begun + 60:
                time.sleep(0.02)
            assert len({*_children(server)} - {before[0]}) == 2
            clients.wait_for(40)
        assert clients.lost <= 4  # at most one for each client: what that worker had in its hands
        assert [one for one in clients.failures if "no model answers yet" not in one] == []
        assert server.end() == 0
        assert any("another takes its place" in line for line in server.told)


@needs_proc
def test_WS3_workers_end_with_the_one_that_started_them(store: Store):
    first = train()
    with serving(store, workers=2) as server:
        server.wait_until_ready(first)
        workers = _children(server)
        server.process.kill()
        server.process.wait()
        until = time.monotonic() + 60
        while any(map(_runs, workers)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(_runs, workers))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_WS4_another_host_than_this_one_needs_a_token(store: Store, host: str):
    with pytest.raises(BadPlace, match="without a token") as refused:
        serve(SmallModel(store=store), match_best("test"), host=host)
    assert "token" in refused.value.remedy


@pytest.mark.parametrize("token", ["", " ", "é", " key", "a\nb"])
def test_WS4_a_token_that_nobody_or_everybody_can_show_is_refused(store: Store, token: str):
    with pytest.raises(BadPlace, match="token") as refused:
        asgi(SmallModel(store=store), match_best("test"), token=token)
    assert "openssl" in refused.value.remedy


def test_WS4_an_empty_token_is_none(store: Store):
    with pytest.raises(BadPlace, match="empty"):
        serve(SmallModel(store=store), match_best("test"), host="0.0.0.0", token=" ")


def test_WS1_a_port_that_is_taken_is_a_mistake_that_says_so(store: Store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadPlace, match="cannot listen") as refused:
            serve(SmallModel(store=store), match_best("test"), port=port)
    assert refused.value.port == port


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"pin": "serving"}])
def test_WS1_wrong_options_are_told_before_it_listens(store: Store, wrong: dict[str, Any]):
    with pytest.raises(BadStage):
        serve(SmallModel(store=store), match_best("test"), **wrong)


def test_a_body_that_is_too_large_is_answered_before_it_has_come(store: Store):
    train()
    with serving(store, max_body=1000) as server:
        server.wait_until_ready()
        for _ in range(3):
            reply = httpx.post(f"{server.url}/predict", content=b"x" * (8 << 20))
            assert (reply.status_code, reply.headers["connection"]) == (413, "close")
            assert len(reply.content) <= 1024
