//! What the pages say, in both languages. A page takes a field, so none can be missing.

use super::language::Language;
use maru_domain::error::FieldRule;
/// The words of one language.
#[derive(Debug)]
pub struct Words {
    /// For `lang`.
    pub lang: &'static str,
    /// Skip to the content
    pub skip: &'static str,
    /// Rooms
    pub rooms: &'static str,
    /// New room
    pub new_room: &'static str,
    /// There are no rooms yet.
    pub no_rooms: &'static str,
    /// Make one, and say something in it.
    pub no_rooms_hint: &'static str,
    /// Older rooms
    pub older_rooms: &'static str,
    /// Newest rooms
    pub newer_rooms: &'static str,
    /// Before a time.
    pub created: &'static str,
    /// Enter
    pub enter: &'static str,
    /// A room that was opened without a name.
    pub nameless: &'static str,
    /// Room name
    pub name: &'static str,
    /// System prompt
    pub prompt: &'static str,
    /// What the model reads before the conversation. It may stay empty.
    pub prompt_hint: &'static str,
    /// Changing the system prompt deletes every message of this room.
    pub prompt_clears: &'static str,
    /// Create
    pub create: &'static str,
    /// Save
    pub save: &'static str,
    /// Cancel
    pub cancel: &'static str,
    /// Room settings
    pub settings: &'static str,
    /// Conversation
    pub conversation: &'static str,
    /// Nothing was said yet. Write the first message below.
    pub no_messages: &'static str,
    /// Message
    pub message: &'static str,
    /// Write a message
    pub placeholder: &'static str,
    /// Send
    pub send: &'static str,
    /// Enter sends, Shift+Enter begins a new line.
    pub send_hint: &'static str,
    /// This conversation has ended. Go on in a new room.
    pub ended: &'static str,
    /// Who speaks.
    pub you: &'static str,
    /// Who speaks.
    pub reply: &'static str,
    /// Who speaks.
    pub note: &'static str,
    /// The reply is being written
    pub answering: &'static str,
    /// The reply is complete.
    pub answered: &'static str,
    /// Stop
    pub stop: &'static str,
    /// This reply was stopped.
    pub stopped: &'static str,
    /// The server stopped, and cut this reply off. You can have it written again.
    pub interrupted: &'static str,
    /// The model gave no reply. Try again in a moment.
    pub failed: &'static str,
    /// Regenerate
    pub again: &'static str,
    /// Try again
    pub retry: &'static str,
    /// Edit
    pub edit: &'static str,
    /// Edit the message
    pub edit_message: &'static str,
    /// Saving removes what was said after this message, and asks for a new reply.
    pub edit_hint: &'static str,
    /// Save and get a reply
    pub save_message: &'static str,
    /// Reload
    pub reload: &'static str,
    /// Copy
    pub copy: &'static str,
    /// Copied
    pub copied: &'static str,
    /// The server cannot be reached. Check the connection and send again; what you wrote is still here.
    pub offline: &'static str,
    /// That did not work. Try again in a moment; what you wrote is still here.
    pub trouble: &'static str,
    /// Log in
    pub log_in: &'static str,
    /// Log in to go on.
    pub log_in_first: &'static str,
    /// Your session has ended. Log in again.
    pub log_in_again: &'static str,
    /// Log out
    pub log_out: &'static str,
    /// Register
    pub register: &'static str,
    /// No account yet?
    pub no_account: &'static str,
    /// Have an account already?
    pub have_account: &'static str,
    /// User name
    pub username: &'static str,
    /// Password
    pub password: &'static str,
    /// At least 8 characters
    pub password_hint: &'static str,
    /// E-mail (optional)
    pub email: &'static str,
    /// The user name or the password is wrong.
    pub wrong_login: &'static str,
    /// This account is disabled. Ask whoever runs this server.
    pub inactive: &'static str,
    /// To the rooms
    pub to_rooms: &'static str,
    /// There is nothing here
    pub not_found: &'static str,
    /// The address may be wrong, or the room was deleted.
    pub not_found_hint: &'static str,
    /// This came from another site
    pub forbidden: &'static str,
    /// For your safety it was not accepted. Open the page here and send it again.
    pub forbidden_hint: &'static str,
    /// This request cannot be done
    pub bad_request: &'static str,
    /// Check what you sent and try again.
    pub bad_request_hint: &'static str,
    /// Too many at a time
    pub too_many: &'static str,
    /// Try again in a moment.
    pub too_many_hint: &'static str,
    /// The server cannot answer now
    pub away: &'static str,
    /// Reload in a moment. What was stored stays stored.
    pub away_hint: &'static str,
    /// Something went wrong on our side
    pub broken: &'static str,
    /// If it happens again, tell whoever runs this server the number below.
    pub broken_hint: &'static str,
    /// Too many messages wait for a reply here. Send again when one has come.
    pub queue_full: &'static str,
    /// Only the latest reply can be written again.
    pub not_last: &'static str,
    /// Wait until the reply has ended, or stop it.
    pub in_progress: &'static str,
    /// What you sent is too large.
    pub too_long_body: &'static str,
}

/// Korean; the contract's own words where it has some (contract §3).
pub const KOREAN: Words = Words {
    lang: "ko",
    skip: "본문으로 건너뛰기",
    rooms: "채팅방",
    new_room: "새 채팅방 만들기",
    no_rooms: "생성된 채팅방이 없습니다.",
    no_rooms_hint: "방을 하나 만들고 첫 메시지를 보내 보세요.",
    older_rooms: "이전 채팅방 보기",
    newer_rooms: "최신 채팅방으로",
    created: "생성일:",
    enter: "입장하기",
    nameless: "이름 없는 채팅방",
    name: "채팅방 이름",
    prompt: "시스템 프롬프트",
    prompt_hint: "모델이 대화에 앞서 읽는 글입니다. 비워 두어도 됩니다.",
    prompt_clears: "시스템 프롬프트를 바꾸면 이 방의 메시지가 모두 삭제됩니다.",
    create: "만들기",
    save: "저장",
    cancel: "취소",
    settings: "방 설정",
    conversation: "대화",
    no_messages: "아직 메시지가 없습니다. 아래에 첫 메시지를 적어 보세요.",
    message: "메시지",
    placeholder: "메시지를 입력하세요",
    send: "보내기",
    send_hint: "Enter로 보내고 Shift+Enter로 줄을 바꿉니다.",
    ended: "종료된 대화입니다. 새 채팅방에서 이어 가세요.",
    you: "나",
    reply: "답변",
    note: "안내",
    answering: "답변을 작성하고 있습니다",
    answered: "답변이 끝났습니다.",
    stop: "중지",
    stopped: "중지된 답변입니다.",
    interrupted: "서버가 멈춰 답변이 끊겼습니다. 다시 생성할 수 있습니다.",
    failed: "답변을 만들지 못했습니다. 잠시 후 다시 시도해 주세요.",
    again: "다시 생성",
    retry: "다시 시도",
    edit: "수정",
    edit_message: "메시지 수정",
    edit_hint: "저장하면 이 메시지 뒤의 대화가 지워지고 새 답변이 만들어집니다.",
    save_message: "저장하고 답변 받기",
    reload: "새로고침",
    copy: "복사",
    copied: "복사했습니다",
    offline: "서버에 연결할 수 없습니다. 연결을 확인하고 다시 보내 주세요. 쓰던 글은 그대로 있습니다.",
    trouble: "보내지 못했습니다. 잠시 후 다시 시도해 주세요. 쓰던 글은 그대로 있습니다.",
    log_in: "로그인",
    log_in_first: "계속하려면 로그인하세요.",
    log_in_again: "로그인이 만료되었습니다. 다시 로그인하세요.",
    log_out: "로그아웃",
    register: "회원가입",
    no_account: "계정이 없으신가요?",
    have_account: "이미 계정이 있으신가요?",
    username: "사용자 이름",
    password: "비밀번호",
    password_hint: "8자 이상",
    email: "이메일 (선택)",
    wrong_login: "사용자 이름 또는 비밀번호가 올바르지 않습니다.",
    inactive: "비활성화된 계정입니다. 관리자에게 문의하세요.",
    to_rooms: "채팅방 목록으로",
    not_found: "페이지를 찾을 수 없습니다",
    not_found_hint: "주소가 바뀌었거나 삭제된 채팅방일 수 있습니다.",
    forbidden: "다른 사이트에서 보낸 요청입니다",
    forbidden_hint: "보안을 위해 받지 않았습니다. 이 사이트의 페이지를 열고 다시 보내 주세요.",
    bad_request: "요청을 처리할 수 없습니다",
    bad_request_hint: "보낸 내용을 확인하고 다시 시도해 주세요.",
    too_many: "요청이 너무 많습니다",
    too_many_hint: "잠시 후 다시 시도해 주세요.",
    away: "잠시 응답할 수 없습니다",
    away_hint: "잠시 후 새로고침해 주세요. 보낸 메시지는 사라지지 않습니다.",
    broken: "서버에 문제가 생겼습니다",
    broken_hint: "다시 시도해도 같다면 아래 번호를 관리자에게 알려 주세요.",
    queue_full: "답변을 기다리는 메시지가 너무 많습니다. 답변이 끝난 뒤 다시 보내 주세요.",
    not_last: "마지막 답변만 다시 생성할 수 있습니다.",
    in_progress: "답변이 끝난 뒤에 다시 시도해 주세요.",
    too_long_body: "보낸 내용이 너무 큽니다.",
};

/// English.
pub const ENGLISH: Words = Words {
    lang: "en",
    skip: "Skip to the content",
    rooms: "Rooms",
    new_room: "New room",
    no_rooms: "There are no rooms yet.",
    no_rooms_hint: "Make one, and say something in it.",
    older_rooms: "Older rooms",
    newer_rooms: "Newest rooms",
    created: "Created",
    enter: "Enter",
    nameless: "A room without a name",
    name: "Room name",
    prompt: "System prompt",
    prompt_hint: "What the model reads before the conversation. It may stay empty.",
    prompt_clears: "Changing the system prompt deletes every message of this room.",
    create: "Create",
    save: "Save",
    cancel: "Cancel",
    settings: "Room settings",
    conversation: "Conversation",
    no_messages: "Nothing was said yet. Write the first message below.",
    message: "Message",
    placeholder: "Write a message",
    send: "Send",
    send_hint: "Enter sends, Shift+Enter begins a new line.",
    ended: "This conversation has ended. Go on in a new room.",
    you: "You",
    reply: "Reply",
    note: "Note",
    answering: "The reply is being written",
    answered: "The reply is complete.",
    stop: "Stop",
    stopped: "This reply was stopped.",
    interrupted: "The server stopped, and cut this reply off. You can have it written again.",
    failed: "The model gave no reply. Try again in a moment.",
    again: "Regenerate",
    retry: "Try again",
    edit: "Edit",
    edit_message: "Edit the message",
    edit_hint: "Saving removes what was said after this message, and asks for a new reply.",
    save_message: "Save and get a reply",
    reload: "Reload",
    copy: "Copy",
    copied: "Copied",
    offline: "The server cannot be reached. Check the connection and send again; what you wrote is still here.",
    trouble: "That did not work. Try again in a moment; what you wrote is still here.",
    log_in: "Log in",
    log_in_first: "Log in to go on.",
    log_in_again: "Your session has ended. Log in again.",
    log_out: "Log out",
    register: "Register",
    no_account: "No account yet?",
    have_account: "Have an account already?",
    username: "User name",
    password: "Password",
    password_hint: "At least 8 characters",
    email: "E-mail (optional)",
    wrong_login: "The user name or the password is wrong.",
    inactive: "This account is disabled. Ask whoever runs this server.",
    to_rooms: "To the rooms",
    not_found: "There is nothing here",
    not_found_hint: "The address may be wrong, or the room was deleted.",
    forbidden: "This came from another site",
    forbidden_hint: "For your safety it was not accepted. Open the page here and send it again.",
    bad_request: "This request cannot be done",
    bad_request_hint: "Check what you sent and try again.",
    too_many: "Too many at a time",
    too_many_hint: "Try again in a moment.",
    away: "The server cannot answer now",
    away_hint: "Reload in a moment. What was stored stays stored.",
    broken: "Something went wrong on our side",
    broken_hint: "If it happens again, tell whoever runs this server the number below.",
    queue_full: "Too many messages wait for a reply here. Send again when one has come.",
    not_last: "Only the latest reply can be written again.",
    in_progress: "Wait until the reply has ended, or stop it.",
    too_long_body: "What you sent is too large.",
};

/// What is wrong with a field. The first sentence is for the reader; the second is the contract's own,
/// which is English in the Korean original too.
#[must_use]
pub fn field(language: Language, rule: FieldRule, chars: usize) -> (String, Option<String>) {
    let english = match rule {
        FieldRule::Required | FieldRule::Null | FieldRule::Blank => "This field is required.".to_owned(),
        FieldRule::TooLong(max) => {
            format!("Ensure this value has at most {max} characters (it has {chars}).")
        }
        FieldRule::TooShort(min) => {
            format!("Ensure this value has at least {min} characters (it has {chars}).")
        }
        FieldRule::Characters => "It holds characters that are not allowed here.".to_owned(),
        FieldRule::Email => "Enter a valid e-mail address.".to_owned(),
        FieldRule::Taken => "Somebody has this name already; choose another.".to_owned(),
        FieldRule::NotAString | FieldRule::Choice | FieldRule::Past => "Enter a valid value.".to_owned(),
    };
    if language == Language::English {
        return (english, None);
    }
    let korean = match rule {
        FieldRule::Required | FieldRule::Null | FieldRule::Blank => "필수 항목입니다.".to_owned(),
        FieldRule::TooLong(max) => format!("최대 {max}자까지 쓸 수 있습니다. (지금 {chars}자)"),
        FieldRule::TooShort(min) => format!("{min}자 이상이어야 합니다. (지금 {chars}자)"),
        FieldRule::Characters => "쓸 수 없는 문자가 들어 있습니다.".to_owned(),
        FieldRule::Email => "올바른 이메일 주소를 입력하세요.".to_owned(),
        FieldRule::Taken => "이미 사용 중인 이름입니다. 다른 이름을 입력하세요.".to_owned(),
        FieldRule::NotAString | FieldRule::Choice | FieldRule::Past => "올바른 값을 입력하세요.".to_owned(),
    };
    (korean, Some(english))
}
