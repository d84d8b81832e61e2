"""Every address of the API in one table: what it is called, who may use it, and which function answers.

The functions are named, not imported: their modules, and pydantic with them, are loaded at the first request,
so that the page opens sooner after a start.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Access(StrEnum):
    """Who may use an address. WEBHOOK: platforms, who show it by what they send. WIDGET: pages of a widget's
    sites, by its key.
    """

    PUBLIC = "public"
    PROBE = "probe"
    DESCRIPTION = "description"
    METRICS = "metrics"
    WEBHOOK = "webhook"
    WIDGET = "widget"
    SIGNED_IN = "signed_in"
    BUILD = "build"
    OWNER = "owner"


class Store(StrEnum):
    """The database file a write goes to; its reply is kept there under the caller's Idempotency-Key."""

    BOT_CONFIGS = "bot_configs"
    CONVERSATIONS = "conversations"


@dataclass(frozen=True, slots=True)
class Route:
    """`view` is `module:function` in this package; `status` the usual one; `also` others that carry a result.

    `reply` names the payload it answers with. `errors` are statuses beyond those that follow from the access,
    the method and the payloads. `secret_reply` keeps the stored reply encrypted. A `repeatable` write has the
    same effect however often it is done, and its reply is stored after it. `media` are what a route answers
    with when that is no JSON. `any_query`: another party makes the query, and the view reads it itself;
    `any_body`: the same of the body. `upload` are what a route takes when that is no JSON.
    """

    method: str
    rule: str
    name: str
    tag: str
    view: str
    access: Access
    store: Store | None = None
    status: int = 200
    also: tuple[int, ...] = ()
    errors: tuple[int, ...] = ()
    media: tuple[str, ...] = ()
    reply: str | None = None
    secret_reply: bool = False
    repeatable: bool = False
    any_query: bool = False
    any_body: bool = False
    upload: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def endpoint(self) -> str:
        return self.name


_SESSION, _PEOPLE, _BOTS, _LIVE, _CHAT, _KNOWLEDGE, _WIDGETS, _OPERATIONS = (
    "Session",
    "People",
    "Bots",
    "Live",
    "Chat",
    "Knowledge",
    "Widgets",
    "Operations",
)
_CONFIGS, _TALKS = Store.BOT_CONFIGS, Store.CONVERSATIONS
_PUBLIC, _SIGNED_IN, _BUILD, _OWNER = Access.PUBLIC, Access.SIGNED_IN, Access.BUILD, Access.OWNER
_STREAM = ("text/event-stream",)
_HTML = ("text/html",)
_CSV = ("text/csv",)
_SCRIPT = ("text/javascript",)
_ZIP = ("application/zip",)
_PICTURE = ("image/png", "image/jpeg", "image/gif", "image/webp")

ROUTES = (
    Route("GET", "/api/session", "getSession", _SESSION, "session:get", _PUBLIC, reply="Session"),
    Route(
        "POST",
        "/auth/local",
        "signInLocally",
        _SESSION,
        "session:sign_in_locally",
        _PUBLIC,
        errors=(403, 429),
        reply="Session",
    ),
    Route(
        "POST",
        "/auth/link",
        "signInByLink",
        _SESSION,
        "sign_in_link:redeem",
        _PUBLIC,
        errors=(403, 429),
        reply="Session",
    ),
    Route("GET", "/auth/link", "getLinkPage", _SESSION, "sign_in_link:link_page", _PUBLIC, media=_HTML),
    Route(
        "POST",
        "/auth/logout",
        "signOut",
        _SESSION,
        "session:sign_out",
        _PUBLIC,
        errors=(403,),
        reply="Session",
    ),
    Route(
        "GET",
        "/auth/google",
        "signInAtProvider",
        _SESSION,
        "provider_sign_in:begin",
        _PUBLIC,
        status=302,
        errors=(404, 429, 503),
        media=_HTML,
        any_query=True,
    ),
    Route(
        "GET",
        "/auth/callback",
        "comeBackFromProvider",
        _SESSION,
        "provider_sign_in:callback",
        _PUBLIC,
        status=302,
        errors=(400, 403, 404, 429, 503),
        media=_HTML,
        any_query=True,
    ),
    Route(
        "GET",
        "/api/account/sessions",
        "listSessions",
        _SESSION,
        "account:sessions",
        _SIGNED_IN,
        reply="SessionList",
    ),
    Route(
        "DELETE",
        "/api/account/sessions/<id>",
        "endSession",
        _SESSION,
        "account:end_session",
        _SIGNED_IN,
        _CONFIGS,
        204,
    ),
    Route(
        "POST",
        "/webhooks/telegram/<bot_id>",
        "takeTelegramUpdate",
        _BOTS,
        "webhooks:telegram",
        Access.WEBHOOK,
        errors=(400, 401, 413, 422, 429),
        any_body=True,
    ),
    Route(
        "POST",
        "/webhooks/discord/<bot_id>",
        "takeDiscordInteraction",
        _BOTS,
        "webhooks:discord",
        Access.WEBHOOK,
        errors=(400, 401, 413, 422, 429),
        any_body=True,
    ),
    Route("GET", "/api/people", "listPeople", _PEOPLE, "people:index", _OWNER, reply="PersonList"),
    Route("PATCH", "/api/people/<id>", "updatePerson", _PEOPLE, "people:update", _OWNER, _CONFIGS, 204),
    Route("DELETE", "/api/people/<id>", "removePerson", _PEOPLE, "people:delete", _OWNER, _CONFIGS, 204),
    Route(
        "GET",
        "/api/people/<id>/sessions",
        "listSessionsOfPerson",
        _PEOPLE,
        "people:sessions",
        _OWNER,
        reply="SessionList",
    ),
    Route(
        "DELETE",
        "/api/people/<id>/sessions/<session_id>",
        "endSessionOfPerson",
        _PEOPLE,
        "people:end_session",
        _OWNER,
        _CONFIGS,
        204,
    ),
    Route(
        "GET",
        "/api/invitations",
        "listInvitations",
        _PEOPLE,
        "people:invitations",
        _OWNER,
        reply="InvitationList",
    ),
    Route(
        "POST",
        "/api/invitations",
        "invite",
        _PEOPLE,
        "people:invite",
        _OWNER,
        _CONFIGS,
        201,
        reply="Invitation",
    ),
    Route(
        "DELETE",
        "/api/invitations/<id>",
        "withdrawInvitation",
        _PEOPLE,
        "people:withdraw",
        _OWNER,
        _CONFIGS,
        204,
    ),
    Route("GET", "/api/audit", "listAudit", _PEOPLE, "audit:index", _OWNER, reply="AuditLog"),
    Route("GET", "/api/keys", "listKeys", _SESSION, "keys:index", _BUILD, reply="ApiKeyList"),
    Route(
        "POST",
        "/api/keys",
        "createKey",
        _SESSION,
        "keys:create",
        _BUILD,
        _CONFIGS,
        201,
        secret_reply=True,
        reply="CreatedApiKey",
    ),
    Route("DELETE", "/api/keys/<id>", "deleteKey", _SESSION, "keys:delete", _BUILD, _CONFIGS, 204),
    Route(
        "POST",
        "/api/sign-in-links",
        "makeSignInLink",
        _SESSION,
        "owner_commands:make_sign_in_link",
        _OWNER,
        status=201,
        reply="MadeSignInLink",
    ),
    Route(
        "POST",
        "/api/backup",
        "backUp",
        _OPERATIONS,
        "backups:back_up",
        _OWNER,
        errors=(404,),
        reply="Replication",
    ),
    Route(
        "POST",
        "/api/backup/conflicts/<id>/dismiss",
        "dismissConflict",
        _OPERATIONS,
        "backups:dismiss",
        _OWNER,
        reply="Replication",
    ),
    Route(
        "POST",
        "/api/secret-key/rotate",
        "rotateSecretKey",
        _OPERATIONS,
        "owner_commands:rotate_key",
        _OWNER,
        reply="KeyExchange",
    ),
    Route(
        "POST",
        "/api/export",
        "exportWorkspace",
        _OPERATIONS,
        "transfer:export",
        _BUILD,
        media=_ZIP,
    ),
    Route(
        "POST",
        "/api/import",
        "importWorkspace",
        _OPERATIONS,
        "transfer:import_",
        _BUILD,
        upload=_ZIP,
        reply="Imported",
    ),
    Route("GET", "/api/bots", "listBots", _BOTS, "bots:index", _BUILD, reply="BotList"),
    Route("POST", "/api/bots", "createBot", _BOTS, "bots:create", _BUILD, _CONFIGS, 201, reply="Bot"),
    Route("GET", "/api/bots/<id>", "getBot", _BOTS, "bots:get", _BUILD, reply="Bot"),
    Route("PATCH", "/api/bots/<id>", "updateBot", _BOTS, "bots:update", _BUILD, _CONFIGS, reply="Bot"),
    Route("DELETE", "/api/bots/<id>", "deleteBot", _BOTS, "bots:delete", _BUILD, _CONFIGS, 204),
    Route("POST", "/api/bots/<id>/start", "startBot", _BOTS, "bots:start", _BUILD, _CONFIGS, reply="Bot"),
    Route("POST", "/api/bots/<id>/stop", "stopBot", _BOTS, "bots:stop", _BUILD, _CONFIGS, reply="Bot"),
    Route(
        "POST", "/api/bots/<id>/restart", "restartBot", _BOTS, "bots:restart", _BUILD, _CONFIGS, reply="Bot"
    ),
    Route("GET", "/api/bots/<id>/logs", "listBotLogs", _BOTS, "bots:logs", _BUILD, reply="LogLineList"),
    Route("GET", "/api/events", "streamEvents", _LIVE, "events:stream", _BUILD, errors=(429,), media=_STREAM),
    Route("GET", "/api/threads", "listThreads", _CHAT, "threads:index", _SIGNED_IN, reply="ThreadList"),
    Route(
        "POST",
        "/api/threads",
        "createThread",
        _CHAT,
        "threads:create",
        _SIGNED_IN,
        _TALKS,
        201,
        (200,),
        reply="Thread",
    ),
    Route("GET", "/api/threads/<id>", "getThread", _CHAT, "threads:get", _SIGNED_IN, reply="Thread"),
    Route(
        "PATCH",
        "/api/threads/<id>",
        "updateThread",
        _CHAT,
        "threads:update",
        _SIGNED_IN,
        _TALKS,
        reply="Thread",
    ),
    Route("DELETE", "/api/threads/<id>", "deleteThread", _CHAT, "threads:delete", _SIGNED_IN, _TALKS, 204),
    Route(
        "GET",
        "/api/threads/<id>/messages",
        "listMessages",
        _CHAT,
        "threads:messages",
        _SIGNED_IN,
        reply="MessageList",
    ),
    Route(
        "POST",
        "/api/threads/<id>/messages",
        "createMessage",
        _CHAT,
        "threads:create_message",
        _SIGNED_IN,
        _TALKS,
        201,
        (200,),
        (429,),
        reply="AcceptedMessage",
    ),
    Route(
        "GET",
        "/api/threads/<id>/export",
        "exportThread",
        _CHAT,
        "threads:export",
        _SIGNED_IN,
        reply="ThreadExport",
    ),
    Route(
        "GET",
        "/api/runs/<id>/events",
        "streamRun",
        _CHAT,
        "runs:stream",
        _SIGNED_IN,
        errors=(429,),
        media=_STREAM,
    ),
    Route(
        "POST", "/api/runs/<id>/stop", "stopRun", _CHAT, "runs:stop", _SIGNED_IN, _TALKS, 204, repeatable=True
    ),
    Route(
        "POST",
        "/api/messages/<id>/feedback",
        "giveFeedback",
        _CHAT,
        "runs:give_feedback",
        _SIGNED_IN,
        _TALKS,
        reply="Feedback",
    ),
    Route(
        "GET",
        "/api/messages/<id>/follow-ups",
        "listFollowUps",
        _CHAT,
        "runs:follow_ups",
        _SIGNED_IN,
        reply="FollowUpList",
    ),
    Route(
        "POST", "/api/ask", "ask", _CHAT, "ask:ask", _SIGNED_IN, _TALKS, errors=(429,), reply="AskedAnswer"
    ),
    Route("GET", "/api/prompts", "listPrompts", _CHAT, "ask:prompts", _SIGNED_IN, reply="PromptList"),
    Route("GET", "/api/sources", "listSources", _KNOWLEDGE, "sources:index", _BUILD, reply="SourceList"),
    Route(
        "POST",
        "/api/sources",
        "createSource",
        _KNOWLEDGE,
        "sources:create",
        _BUILD,
        _CONFIGS,
        201,
        reply="Source",
    ),
    Route(
        "PATCH",
        "/api/sources",
        "updateAllSources",
        _KNOWLEDGE,
        "sources:update_all",
        _BUILD,
        _CONFIGS,
        repeatable=True,
        reply="SourceList",
    ),
    Route(
        "POST",
        "/api/sources/crawl",
        "crawlAllSources",
        _KNOWLEDGE,
        "sources:crawl_all",
        _BUILD,
        _CONFIGS,
        repeatable=True,
        reply="SourceList",
    ),
    Route(
        "POST",
        "/api/sources/cancel",
        "cancelAllCrawls",
        _KNOWLEDGE,
        "sources:cancel_all",
        _BUILD,
        _CONFIGS,
        repeatable=True,
        reply="SourceList",
    ),
    Route(
        "PATCH",
        "/api/sources/<id>",
        "updateSource",
        _KNOWLEDGE,
        "sources:update",
        _BUILD,
        _CONFIGS,
        reply="Source",
    ),
    Route("DELETE", "/api/sources/<id>", "deleteSource", _KNOWLEDGE, "sources:delete", _BUILD, _CONFIGS, 204),
    Route(
        "POST",
        "/api/sources/<id>/crawl",
        "crawlSource",
        _KNOWLEDGE,
        "sources:crawl",
        _BUILD,
        _CONFIGS,
        repeatable=True,
        reply="Source",
    ),
    Route(
        "POST",
        "/api/sources/<id>/cancel",
        "cancelCrawl",
        _KNOWLEDGE,
        "sources:cancel",
        _BUILD,
        _CONFIGS,
        repeatable=True,
        reply="Source",
    ),
    Route(
        "GET", "/api/sources/<id>/pages", "listPages", _KNOWLEDGE, "sources:pages", _BUILD, reply="PageList"
    ),
    Route("GET", "/api/knowledge", "getKnowledge", _KNOWLEDGE, "knowledge:get", _BUILD, reply="Knowledge"),
    Route(
        "GET",
        "/api/knowledge/search",
        "searchKnowledge",
        _KNOWLEDGE,
        "knowledge:search",
        _BUILD,
        reply="PassageList",
    ),
    Route(
        "GET",
        "/api/questions/unanswered",
        "listUnanswered",
        _KNOWLEDGE,
        "knowledge:unanswered",
        _BUILD,
        reply="UnansweredList",
    ),
    Route(
        "GET",
        "/api/insights",
        "getInsights",
        _KNOWLEDGE,
        "insights:get",
        _BUILD,
        errors=(404,),
        reply="Insights",
    ),
    Route(
        "GET",
        "/api/insights/export",
        "exportInsights",
        _KNOWLEDGE,
        "insights:export",
        _BUILD,
        errors=(404,),
        media=_CSV,
    ),
    Route("GET", "/api/widgets", "listWidgets", _WIDGETS, "widgets:index", _BUILD, reply="WidgetList"),
    Route(
        "POST",
        "/api/widgets",
        "createWidget",
        _WIDGETS,
        "widgets:create",
        _BUILD,
        _CONFIGS,
        201,
        reply="Widget",
    ),
    Route("GET", "/api/widgets/<id>", "getWidget", _WIDGETS, "widgets:get", _BUILD, reply="Widget"),
    Route(
        "PATCH",
        "/api/widgets/<id>",
        "updateWidget",
        _WIDGETS,
        "widgets:update",
        _BUILD,
        _CONFIGS,
        reply="Widget",
    ),
    Route("DELETE", "/api/widgets/<id>", "revokeWidget", _WIDGETS, "widgets:revoke", _BUILD, _CONFIGS, 204),
    Route(
        "GET", "/api/widgets/<id>/logo", "getLogoOfWidget", _WIDGETS, "widgets:logo", _BUILD, media=_PICTURE
    ),
    Route(
        "PUT",
        "/api/widgets/<id>/logo",
        "setWidgetLogo",
        _WIDGETS,
        "widgets:set_logo",
        _BUILD,
        _CONFIGS,
        upload=_PICTURE,
        reply="Widget",
    ),
    Route(
        "DELETE",
        "/api/widgets/<id>/logo",
        "removeWidgetLogo",
        _WIDGETS,
        "widgets:remove_logo",
        _BUILD,
        _CONFIGS,
        204,
    ),
    Route(
        "GET",
        "/widget/v1/<key>/widget.js",
        "getWidgetScript",
        _WIDGETS,
        "widget:script",
        Access.WIDGET,
        errors=(404, 503),
        media=_SCRIPT,
    ),
    Route(
        "GET",
        "/widget/v1/<key>/look",
        "getWidgetLook",
        _WIDGETS,
        "widget:look",
        Access.WIDGET,
        errors=(403, 404, 503),
        reply="ShownLook",
    ),
    Route(
        "GET",
        "/widget/v1/<key>/logo",
        "getWidgetLogo",
        _WIDGETS,
        "widget:logo",
        Access.WIDGET,
        errors=(403, 404, 422, 503),
        media=_PICTURE,
    ),
    Route(
        "POST",
        "/widget/v1/<key>/ask",
        "askWidget",
        _WIDGETS,
        "widget:ask",
        Access.WIDGET,
        errors=(403, 404, 409, 429),
        media=_STREAM,
    ),
    Route(
        "POST",
        "/widget/v1/<key>/feedback",
        "judgeWidgetAnswer",
        _WIDGETS,
        "widget:judge",
        Access.WIDGET,
        status=204,
        errors=(403, 404, 409, 429),
    ),
    Route(
        "GET",
        "/api/status",
        "getStatus",
        _OPERATIONS,
        "operations:status",
        _BUILD,
        reply="InstallationStatus",
    ),
    Route(
        "GET",
        "/api/openapi.json",
        "getDescription",
        _OPERATIONS,
        "operations:description",
        Access.DESCRIPTION,
    ),
    Route(
        "GET",
        "/healthz",
        "getHealth",
        _OPERATIONS,
        "probes:health",
        Access.PROBE,
        also=(503,),
        reply="Health",
    ),
    Route(
        "GET",
        "/readyz",
        "getReadiness",
        _OPERATIONS,
        "probes:readiness",
        Access.PROBE,
        also=(503,),
        reply="Readiness",
    ),
    Route(
        "GET",
        "/metrics",
        "getMetrics",
        _OPERATIONS,
        "operations:metrics",
        Access.METRICS,
        media=("text/plain",),
    ),
    Route(
        "GET",
        "/manual/<page>",
        "getManualPage",
        _OPERATIONS,
        "manual:page",
        _PUBLIC,
        errors=(404,),
        media=_HTML,
    ),
)
