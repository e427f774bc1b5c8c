//! Every route, in one table: verb, path, handler, policy. Nothing is served that is not here.

use super::contracts::{Contract, ai_sdk, ainfo_rooms, openai, plc_chat, quote_chat, token_chats};
use super::{openapi, operator, pages, v1};
use actix_web::http::Method;
use actix_web::{Route, web};

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Anybody.
    Open,
    /// Whoever shows a good token or key; without one, anybody where `auth.anonymous` allows it.
    Anonymous,
    /// Whoever shows a good token or key.
    Token,
    /// Whoever shows one in the handshake of a WebSocket, in the header or the address; 403 to others.
    Handshake,
}

/// A row of the table.
pub struct Entry {
    /// Whose route it is.
    pub contract: Contract,
    /// The verb. A GET answers HEAD too.
    pub verb: Method,
    /// The path, without a trailing slash; both forms are served (contract §0.2).
    pub path: &'static str,
    /// Who may call it.
    pub policy: Policy,
    handler: fn() -> Route,
}

impl Entry {
    /// What answers it.
    pub fn route(&self) -> Route {
        (self.handler)()
    }
}

macro_rules! routes {
    ($($contract:ident $verb:ident $path:literal $policy:ident $handler:expr;)+) => {
        vec![$(Entry {
            contract: Contract::$contract,
            verb: Method::$verb,
            path: $path,
            policy: Policy::$policy,
            handler: || web::to($handler),
        }),+]
    };
}

/// The table.
#[must_use]
pub fn table() -> Vec<Entry> {
    routes! {
        TokenChats POST "/api/register" Open token_chats::register;
        TokenChats POST "/api/login" Open token_chats::login;
        TokenChats GET "/api/test_token" Token token_chats::test_token;
        TokenChats GET "/api/chats" Token token_chats::list;
        TokenChats POST "/api/chats" Token token_chats::send;
        TokenChats DELETE "/api/chats/{chat_id}" Token token_chats::delete;
        TokenChats PATCH "/api/chats/{chat_id}/messages/{message_id}" Token token_chats::edit;

        AinfoRooms GET "/chatbot/room" Token ainfo_rooms::list;
        AinfoRooms POST "/chatbot/room" Token ainfo_rooms::create;
        AinfoRooms GET "/chatbot/room/{pk}" Token ainfo_rooms::show;
        AinfoRooms PUT "/chatbot/room/{pk}" Token ainfo_rooms::replace;
        AinfoRooms PATCH "/chatbot/room/{pk}" Token ainfo_rooms::change;
        AinfoRooms DELETE "/chatbot/room/{pk}" Token ainfo_rooms::delete;
        AinfoRooms GET "/chatbot/room/{pk}/logs" Token ainfo_rooms::logs;
        AinfoRooms GET "/ws/chat/{room_id}" Handshake ainfo_rooms::socket;

        QuoteChat POST "/api/chat/send" Anonymous quote_chat::send;
        QuoteChat GET "/api/chat/status" Anonymous quote_chat::status;
        QuoteChat GET "/api/chat/stream" Anonymous quote_chat::stream;
        QuoteChat DELETE "/api/chat/{userId}/{threadNum}" Anonymous quote_chat::delete;
        QuoteChat GET "/api/health" Open quote_chat::health;

        AiSdk POST "/api/chat" Anonymous ai_sdk::chat;
        AiSdk GET "/api/chat/{id}/stream" Anonymous ai_sdk::resume;
        AiSdk POST "/api/chat/{id}/stop" Anonymous ai_sdk::stop;

        PlcChat GET "/v1/chat/{chat_id}/history" Anonymous plc_chat::history;
        PlcChat POST "/v1/chat/{chat_id}/message" Anonymous plc_chat::message;
        PlcChat POST "/v1/chat/{chat_id}/stream" Anonymous plc_chat::stream;
        PlcChat POST "/v1/chat/{chat_id}/clear" Anonymous plc_chat::clear;
        PlcChat POST "/v1/chat/{chat_id}/cancel" Anonymous plc_chat::cancel;
        PlcChat POST "/v1/chat/chats" Anonymous plc_chat::create;
        PlcChat GET "/v1/chat/chats" Anonymous plc_chat::list;
        PlcChat GET "/v1/chat/chats/{chat_id}" Anonymous plc_chat::chat;
        PlcChat DELETE "/v1/chat/chats/{chat_id}" Anonymous plc_chat::delete;
        PlcChat PUT "/v1/chat/chats/{chat_id}/title" Anonymous plc_chat::rename;
        PlcChat POST "/v1/chat/generate-title" Anonymous plc_chat::generate_title;
        PlcChat GET "/v1/plcs" Anonymous plc_chat::plcs;
        PlcChat DELETE "/v1/plcs" Anonymous plc_chat::delete_plcs;
        PlcChat POST "/v1/plcs/batch" Anonymous plc_chat::register_batch;
        PlcChat PUT "/v1/plcs/batch" Anonymous plc_chat::change_batch;
        PlcChat GET "/v1/plcs/tree" Anonymous plc_chat::tree;
        PlcChat GET "/v1/plcs/masters" Anonymous plc_chat::masters;
        PlcChat POST "/v1/plcs/masters" Anonymous plc_chat::put_masters;
        PlcChat GET "/v1/plcs/masters/dropdown" Anonymous plc_chat::dropdown;
        PlcChat GET "/v1/plcs/{plc_uuid}" Anonymous plc_chat::plc;
        PlcChat PATCH "/v1/plcs/{plc_uuid}" Anonymous plc_chat::activate;

        Pages GET "" Open pages::rooms::front;
        Pages GET "/chat" Anonymous pages::rooms::list;
        Pages GET "/chat/new" Anonymous pages::rooms::new_form;
        Pages POST "/chat/new" Anonymous pages::rooms::create;
        Pages GET "/chat/{pk}" Anonymous pages::rooms::room;
        Pages POST "/chat/{pk}" Anonymous pages::talk::send_here;
        Pages GET "/chat/{pk}/edit" Anonymous pages::rooms::edit_form;
        Pages POST "/chat/{pk}/edit" Anonymous pages::rooms::change;
        Pages POST "/chat/{pk}/messages/new" Anonymous pages::talk::send;
        Pages POST "/chat/{pk}/messages/stream" Anonymous pages::talk::send_streaming;
        Pages GET "/chat/{pk}/messages/{message}/edit" Anonymous pages::talk::message_form;
        Pages POST "/chat/{pk}/messages/{message}/edit" Anonymous pages::talk::edit;
        Pages GET "/chat/{pk}/turns/{turn}/stream" Anonymous pages::stream::events;
        Pages POST "/chat/{pk}/turns/{turn}/stop" Anonymous pages::turns::stop;
        Pages POST "/chat/{pk}/turns/{turn}/retry" Anonymous pages::turns::retry;
        Pages GET "/login" Open pages::accounts::log_in_form;
        Pages POST "/login" Open pages::accounts::log_in;
        Pages GET "/register" Open pages::accounts::register_form;
        Pages POST "/register" Open pages::accounts::register;
        Pages POST "/logout" Anonymous pages::accounts::log_out;
        Pages GET "/assets/{file}" Open pages::assets::asset;
        OpenAi GET "/v1/models" Token openai::models;
        OpenAi GET "/v1/models/{model}" Token openai::one_model;
        OpenAi POST "/v1/chat/completions" Token openai::complete;
        OpenAi GET "/v1/chat/completions" Token openai::completions;
        OpenAi GET "/v1/chat/completions/{id}" Token openai::completion;
        OpenAi POST "/v1/chat/completions/{id}" Token openai::change_completion;
        OpenAi DELETE "/v1/chat/completions/{id}" Token openai::delete_completion;
        OpenAi GET "/v1/chat/completions/{id}/messages" Token openai::completion_messages;
        OpenAi POST "/v1/conversations" Token openai::open;
        OpenAi GET "/v1/conversations/{id}" Token openai::conversation;
        OpenAi POST "/v1/conversations/{id}" Token openai::change;
        OpenAi DELETE "/v1/conversations/{id}" Token openai::delete;
        OpenAi GET "/v1/conversations/{id}/items" Token openai::items;
        OpenAi POST "/v1/conversations/{id}/items" Token openai::add_items;
        OpenAi GET "/v1/conversations/{id}/items/{item_id}" Token openai::one_item;
        OpenAi DELETE "/v1/conversations/{id}/items/{item_id}" Token openai::delete_item;
        OpenAi POST "/v1/responses" Token openai::respond_to;
        OpenAi GET "/v1/responses/{id}" Token openai::response;
        OpenAi DELETE "/v1/responses/{id}" Token openai::delete_response;
        OpenAi POST "/v1/responses/{id}/cancel" Token openai::cancel_response;
        OpenAi GET "/v1/responses/{id}/input_items" Token openai::input_items;

        Native POST "/v1/auth/register" Open v1::accounts::register;
        Native POST "/v1/auth/login" Open v1::accounts::login;
        Native POST "/v1/auth/logout" Token v1::accounts::logout;
        Native POST "/v1/auth/password" Token v1::accounts::password;
        Native GET "/v1/me" Token v1::accounts::me;
        Native GET "/v1/me/sessions" Token v1::accounts::sessions;
        Native DELETE "/v1/me/sessions/{id}" Token v1::accounts::delete_session;
        Native POST "/v1/keys" Token v1::accounts::create_key;
        Native GET "/v1/keys" Token v1::accounts::keys;
        Native DELETE "/v1/keys/{id}" Token v1::accounts::delete_key;
        Native POST "/v1/rooms" Token v1::rooms::create;
        Native GET "/v1/rooms" Token v1::rooms::rooms;
        Native GET "/v1/rooms/{id}" Token v1::rooms::room;
        Native PATCH "/v1/rooms/{id}" Token v1::rooms::change;
        Native DELETE "/v1/rooms/{id}" Token v1::rooms::delete;
        Native POST "/v1/rooms/{id}/end" Token v1::rooms::end;
        Native POST "/v1/rooms/{id}/clear" Token v1::rooms::clear;
        Native GET "/v1/rooms/{id}/messages" Token v1::messages::messages;
        Native POST "/v1/rooms/{id}/messages" Token v1::send::send;
        Native GET "/v1/rooms/{id}/messages/{message_id}" Token v1::messages::message;
        Native PATCH "/v1/rooms/{id}/messages/{message_id}" Token v1::messages::edit;
        Native DELETE "/v1/rooms/{id}/messages/{message_id}" Token v1::messages::delete;
        Native GET "/v1/rooms/{id}/events" Token v1::events::events;
        Native GET "/v1/turns/{id}" Token v1::turns::turn;
        Native GET "/v1/turns/{id}/events" Token v1::turns::events;
        Native POST "/v1/turns/{id}/cancel" Token v1::turns::cancel;
        Native POST "/v1/turns/{id}/retry" Token v1::turns::retry;

        Native GET "/v1/quotes" Token v1::quotes::quotes;
        Native GET "/v1/quotes/{id}" Token v1::quotes::quote;

        Native GET "/livez" Open operator::livez;
        Native GET "/readyz" Open operator::readyz;
        Native GET "/metrics" Open operator::metrics;
        Native GET "/openapi.json" Open openapi::serve;
        Native GET "/docs" Open openapi::docs;
        Native GET "/docs/{file}" Open openapi::docs_file;
    }
}
