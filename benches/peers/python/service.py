"""POST produce/direct as a Python team would serve it: Sanic, asyncpg, one call of the PostgreSQL function `produce`.

Tuned: uvloop (Sanic's default), orjson, two worker processes, a pool of connections over a Unix socket, statements
prepared once a connection, no session reset between requests (nothing here changes a session), no access log.

Its settings come from the environment: SANIC_PORT, SANIC_SOCKET_FOLDER (PostgreSQL's), SANIC_CONNECTIONS (of each
worker).
"""

import datetime
import decimal
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from sanic import Sanic
from sanic.response import HTTPResponse

WORKERS = 2
POINTS_UNIT = 10_000
MONEY_UNIT = 1_000_000
ZONE = ZoneInfo("Asia/Shanghai")
PRODUCE = "select * from produce($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
DETAILS = ("action_scene", "store_code", "cost_center", "campaign_code", "operator", "event_desc")
MESSAGES = {
    40001: "freeze_hours must be shorter than the life of the points (expire_days)",
    40901: "this number was used with other content, or for another operation",
}

app = Sanic("points", dumps=orjson.dumps, loads=orjson.loads)
app.config.ACCESS_LOG = False
app.config.KEEP_ALIVE_TIMEOUT = 600


class Invalid(Exception):
    """A field can't be right; says which and why."""


class Connection(asyncpg.Connection):
    def get_reset_query(self):
        return ""


@app.before_server_start
async def connect(app):
    app.ctx.pool = await asyncpg.create_pool(
        host=app.config.SOCKET_FOLDER,
        user="bench",
        database="bench",
        min_size=app.config.CONNECTIONS,
        max_size=app.config.CONNECTIONS,
        max_inactive_connection_lifetime=0,
        connection_class=Connection,
    )


@app.post("/api/crm/points/<crm_id:str>/produce/direct")
async def produce_direct(request, crm_id):
    try:
        body = orjson.loads(request.body)
        arguments = produce_arguments(crm_id, body)
    except Invalid as invalid:
        return failed(400, 40001, str(invalid))
    except orjson.JSONDecodeError as error:
        return failed(400, 40000, str(error))
    answer = await request.app.ctx.pool.fetchrow(PRODUCE, *arguments)
    code = answer["code"]
    if code:
        return failed(code // 100, code, MESSAGES[code])
    record = produced(crm_id, body, answer)
    headers = {"idempotent-replayed": "true"} if answer["replayed"] else None
    return answered(200, {"code": 0, "msg": "OK", "data": record}, headers)


def produce_arguments(crm_id, body):
    """The fields in the order of the function's parameters."""
    if not isinstance(body, dict):
        raise Invalid("the body must be an object")
    if body.get("event_type") not in ("order", "event"):
        raise Invalid("event_type must be order or event")
    order = body.get("order_info") or None
    return (
        crm_id,
        text(body, "member_no", 64),
        text(body, "event_no", 128),
        body["event_type"],
        scaled(body, "points", POINTS_UNIT),
        instant(body, "event_at"),
        whole(body, "expire_days", 1, 36_500),
        whole(body, "freeze_hours", 0, 87_600),
        scaled(order, "pay_amount", MONEY_UNIT) if order else None,
        *(optional_text(body, name) for name in DETAILS),
        orjson.dumps(order).decode() if order else None,
    )


def text(body, name, bytes_max):
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value.encode()) <= bytes_max:
        raise Invalid(f"{name} must be a text of 1 to {bytes_max} bytes")
    return value


def optional_text(body, name):
    value = body.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > 4_096):
        raise Invalid(f"{name} must be a text of at most 4,096 bytes")
    return value


def whole(body, name, least, most):
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or not least <= value <= most):
        raise Invalid(f"{name} must be a whole number from {least} to {most}")
    return value


def instant(body, name):
    value = body.get(name)
    if value is None:
        return None
    try:
        at = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Invalid(f"{name} must be a time") from None
    return at if at.tzinfo else at.replace(tzinfo=ZONE)


def scaled(body, name, unit):
    """A number as an integer of units, exactly."""
    value = body.get(name)
    if isinstance(value, int) and 0 < value <= 100_000_000_000:
        return value * unit
    try:
        units = decimal.Decimal(str(value)) * unit
    except decimal.InvalidOperation:
        raise Invalid(f"{name} must be a number") from None
    if units != units.to_integral_value() or not 0 < units <= 100_000_000_000 * unit:
        raise Invalid(f"{name} is out of bounds, or has too many places")
    return int(units)


def produced(crm_id, body, answer):
    """The record, with every field of the API's."""
    created = local(answer["created_at"])
    order = body.get("order_info") or None
    return {
        "auto_id": answer["auto_id"],
        "crm_id": crm_id,
        "member_no": body["member_no"],
        "event_no": body["event_no"],
        "origin_event_no": None,
        "from_transfer_no": None,
        "action_scene": body.get("action_scene"),
        "event_type": "produce",
        "source_type": body["event_type"],
        "reverse_status": 0,
        "amount": order["pay_amount"] if order else None,
        "points": body["points"],
        "event_at": local(answer["event_at"]),
        "expire_time": local(answer["expire_at"]),
        "unfreeze_time": local(answer["unfreeze_at"]),
        "store_code": body.get("store_code"),
        "cost_center": body.get("cost_center"),
        "campaign_code": body.get("campaign_code"),
        "operator": body.get("operator"),
        "event_desc": body.get("event_desc"),
        "order_items": order,
        "rule_id": None,
        "create_time": created,
        "update_time": created,
        "active_points": number(answer["active_after"]),
    }


def local(instant):
    return instant and instant.astimezone(ZONE).isoformat(" ", "seconds")[:19]


def number(units):
    whole, part = divmod(units, POINTS_UNIT)
    return units / POINTS_UNIT if part else whole


def failed(status, code, message):
    return answered(status, {"code": code, "msg": message, "data": None})


def answered(status, envelope, headers=None):
    return HTTPResponse(orjson.dumps(envelope), status, headers, "application/json")


if __name__ == "__main__":
    app.run("127.0.0.1", app.config.PORT, workers=WORKERS, access_log=False, motd=False)
