"""Changes of every kind, what their client was told, and whether that is so after a restart."""
import http.client
import json

from service import PREFIX, ask

# The one refusal that leaves it open whether something was done.
UNKNOWN = 50304
ORDER = "x" * 200_000


def accrual(number, member, points=10, **more):
    body = {"event_no": number, "member_no": member, "event_type": "order", "points": points, **more}
    return "POST", "produce/direct", body


def every_kind(name):
    """A short story with an event of each kind, in order: most can only follow what comes before. `name` begins its
    numbers, so that it can be told more than once."""
    def transfer(number, points, **more):
        return {"transfer_no": name + number, "from_user": "ann", "to_user": "bob", "points": points, **more}

    def of(number, origin, **more):
        return {"event_no": name + number, "member_no": "ann", "origin_event_no": name + origin, **more}

    return [
        accrual(name + "a1", "ann", 100),
        accrual(name + "a2", "ann", 50.5, expire_days=30),
        ("PUT", "members/ann", {"mobile": "18608011234", "name": f"Ann {name}", "tier": "gold"}),
        ("PUT", "settings", {"default_expire_days": 365}),
        ("POST", "consume/direct", {"event_no": name + "s1", "member_no": "ann", "points": 20}),
        ("POST", "reverse/consume", of("g1", "s1")),
        ("POST", "reverse/produce", of("r1", "a2", allow_negative=True)),
        ("POST", "transfer/direct", transfer("t1", 5)),
        ("POST", "transfer", transfer("t2", 3, trans_type="by_points")),
        ("POST", "accept", {"transfer_no": name + "t2", "member_no": "bob", "from_user": "ann"}),
        ("POST", "transfer", transfer("t3", 3, trans_type="by_points")),
        ("POST", "transfer/cancel", {"transfer_no": name + "t3", "member_no": "ann"}),
    ]


def large(name):
    """A batch that fills half a segment."""
    return small(name, order_info={"order_sn": "S", "pay_amount": 1, "item_list": [{"note": ORDER}]})


def small(name, **more):
    """A batch of an accrual for each of many members."""
    bodies = [accrual(f"{name}-{n}", f"m{n}", 1, **more)[2] for n in range(38)]
    return "POST", "batch", [{"op": "produce/direct", "body": body} for body in bodies]


class Told:
    """Requests and what came of them."""

    def __init__(self):
        self.all = []

    def tell(self, connection, change):
        """Sends a change; its answer, or none where the connection broke."""
        try:
            answer = send(connection, change)
        except (OSError, http.client.HTTPException):
            answer = None
        self.all.append((change, answer))
        return answer

    def keep_of(self, code, most):
        """Keeps so much of what was answered so, and all else."""
        kept, seen = [], 0
        for change, answer in self.all:
            if answer is not None and operations(answer)[0]["code"] == code:
                seen += 1
                if seen > most:
                    continue
            kept.append((change, answer))
        self.all = kept

    def check(self, connection):
        """Sends all of it again, in order, to a service that lacks nothing. How many were held against an answer."""
        held = 0
        for change, told in self.all:
            try:
                again = send(connection, change)
            except (OSError, http.client.HTTPException):
                # One that idled for long was closed.
                connection.close()
                again = send(connection, change)
            if again.status >= 500:
                raise AssertionError(f"a service in order answers {again} to {change}"[:500])
            if told is None or told.status == 500:
                continue
            # A batch that was turned away as a whole has no answers in it.
            whole = operations(told)[0]["code"] != 0 and len(operations(told)) == 1
            answers = [operations(told), [again.json()] if whole else operations(again)]
            held += sum(hold(change, *pair, again.replayed) for pair in zip(*answers, strict=True))
        return held


def send(connection, change):
    method, route, body = change
    return ask(connection, method, f"{PREFIX}/{route}", json.dumps(body))


def operations(answer):
    """The answers in an answer: of a batch one each."""
    whole = answer.json()
    items = (whole["data"] or {}).get("items")
    return [{"status": answer.status, **whole}] if items is None else items


def hold(change, told, again, replayed):
    """Whether what was told of a change says anything, and if so, fails where the answer to its repetition belies it."""
    method, route, body = change
    # A profile or setting has no key; a batch's header is about all of it.
    has_key = method == "POST" and route != "batch"
    if told["code"] == 0:
        if method == "POST" and told != again:
            raise AssertionError(f"acknowledged, and not so: {named(change)}: {told} and then {again}")
        if has_key and not replayed:
            raise AssertionError(f"acknowledged, and done again: {named(change)}")
    elif told["code"] == UNKNOWN:
        return False
    elif has_key and replayed:
        raise AssertionError(f"told that nothing was done, and it was: {named(change)}: {told}")
    return True


def named(change):
    """A change in the words of a failure."""
    _, route, body = change
    return f"{route} {json.dumps(body)[:150]}"
