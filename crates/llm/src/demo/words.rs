//! What the demo says.

use maru_domain::messages::Role;
use maru_domain::turns::{Prompt, PromptMessage};

/// So much of somebody's words is repeated, in characters.
const QUOTED: usize = 200;

const CONNECT: &str = "To connect a real model, stop the server and start it with \
`OPENAI_API_KEY=… maru serve --model openai/gpt-4o-mini`. Any server with OpenAI's protocol will do: \
set `MARU__LLM__PROVIDERS__LOCAL__BASE_URL=http://localhost:11434/v1` and `--model local/<its model>`.";

const CONNECT_KO: &str = "진짜 모델을 연결하려면 서버를 멈추고 \
`OPENAI_API_KEY=… maru serve --model openai/gpt-4o-mini` 로 다시 시작하세요. OpenAI 프로토콜을 쓰는 서버라면 \
무엇이든 됩니다: `MARU__LLM__PROVIDERS__LOCAL__BASE_URL=http://localhost:11434/v1` 와 `--model local/<모델 이름>`.";

/// What somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Help,
    Maru,
    Count,
    Before,
    Connect,
    Greeting,
    Other,
}

/// What the demo understands, in the order in which it is tried.
const WISHES: [(Wish, &[&str]); 6] = [
    (
        Wish::Before,
        &[
            "what did i say",
            "did i say before",
            "my last message",
            "my previous message",
            "내가 뭐라고",
            "뭐라고 했",
            "이전 메시지",
        ],
    ),
    (
        Wish::Count,
        &[
            "how many messages",
            "count the messages",
            "count my messages",
            "count messages",
            "몇 개",
            "몇 번",
            "메시지 수",
        ],
    ),
    (
        Wish::Connect,
        &["real model", "connect a model", "openai", "api key", "진짜 모델", "모델 연결", "연결하"],
    ),
    (
        Wish::Maru,
        &[
            "what is maru",
            "what's maru",
            "who are you",
            "what are you",
            "about maru",
            "마루가 뭐",
            "마루는 뭐",
            "maru가 뭐",
            "너는 누구",
            "누구세요",
        ],
    ),
    (Wish::Help, &["help", "what can you do", "도움", "도와", "뭘 할 수"]),
    (Wish::Greeting, &["hello", "hi ", "hi!", "hey", "good morning", "안녕"]),
];

/// The answer to a prompt; never empty.
pub(super) fn answer(prompt: &Prompt) -> String {
    let asked = prompt.messages.last().map_or("", |message| message.content.as_str());
    let korean = asked.chars().any(is_hangul);
    let wish = wish(asked);
    let lines = if korean { in_korean(wish, prompt, asked) } else { in_english(wish, prompt, asked) };
    lines.join("\n\n")
}

fn wish(asked: &str) -> Wish {
    let asked = format!("{} ", asked.trim().to_lowercase());
    let meant = |(_, words): &&(Wish, &[&str])| words.iter().any(|word| starts_a_word(&asked, word));
    WISHES.iter().find(meant).map_or(Wish::Other, |(wish, _)| *wish)
}

/// True when `word` stands in `text` and is not the end of a longer one, as `hi ` is of `delhi `.
fn starts_a_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_ascii_alphanumeric())
    })
}

const fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7A3}')
}

/// What the person has said before the message that is answered, oldest first.
fn earlier(prompt: &Prompt) -> impl DoubleEndedIterator<Item = &PromptMessage> {
    let before = prompt.messages.split_last().map_or(&[][..], |(_, before)| before);
    before.iter().filter(|message| message.role == Role::User)
}

fn count(prompt: &Prompt, role: Role) -> usize {
    prompt.messages.iter().filter(|message| message.role == role).count()
}

fn in_english(wish: Wish, prompt: &Prompt, asked: &str) -> Vec<String> {
    let (yours, mine) = (count(prompt, Role::User), count(prompt, Role::Assistant));
    let signed = "I am maru's built-in demo model: I run offline and answer from a few fixed rules.";
    match wish {
        Wish::Help => vec![
            format!("{signed} Try one of these:"),
            "- What is maru?\n- How many messages are in this conversation?\n- What did I say before?\n- 안녕하세요".to_owned(),
            CONNECT.to_owned(),
        ],
        Wish::Maru => vec![
            "maru is a chat server: one binary that keeps conversations, streams replies, resumes them after a lost \
             connection and stops them on demand."
                .to_owned(),
            format!("{signed} {CONNECT}"),
        ],
        Wish::Count => vec![
            format!(
                "As far as I was told, this conversation has {} from you and {} from me.",
                plural(yours, "message"),
                plural(mine, "reply")
            ),
            format!("(Said by the demo model of maru. {CONNECT})"),
        ],
        Wish::Before => vec![
            match earlier(prompt).next_back() {
                Some(message) => format!("Before this, you said:\n\n> {}", quoted(&message.content)),
                None => "This is the first message that I was given.".to_owned(),
            },
            format!("(Said by the demo model of maru. {CONNECT})"),
        ],
        Wish::Connect => vec![signed.to_owned(), CONNECT.to_owned()],
        Wish::Greeting => vec![
            format!("Hello! {signed}"),
            "Ask me for **help**, or see what a real model would be given.".to_owned(),
            CONNECT.to_owned(),
        ],
        Wish::Other => vec![
            format!("I understood:\n\n> {}", quoted(asked)),
            format!(
                "That is {} in your {} message here{}.",
                plural(asked.split_whitespace().count(), "word"),
                ordinal(yours),
                if prompt.system.is_some() { ", and the room has a prompt of its own" } else { "" }
            ),
            format!("{signed} {CONNECT}"),
        ],
    }
}

fn in_korean(wish: Wish, prompt: &Prompt, asked: &str) -> Vec<String> {
    let (yours, mine) = (count(prompt, Role::User), count(prompt, Role::Assistant));
    let signed = "저는 maru에 내장된 데모 모델입니다. 인터넷 없이 정해진 규칙으로만 답합니다.";
    match wish {
        Wish::Help => vec![
            format!("{signed} 이렇게 물어보세요:"),
            "- maru가 뭐예요?\n- 메시지가 몇 개예요?\n- 내가 뭐라고 했어요?".to_owned(),
            CONNECT_KO.to_owned(),
        ],
        Wish::Maru => vec![
            "maru는 채팅 서버입니다. 실행 파일 하나로 대화를 저장하고, 답을 실시간으로 보내며, 연결이 끊겨도 이어 주고, \
             원할 때 멈춥니다."
                .to_owned(),
            format!("{signed} {CONNECT_KO}"),
        ],
        Wish::Count => vec![
            format!("제가 받은 대화에는 당신의 메시지가 {yours}개, 저의 답이 {mine}개 있습니다."),
            format!("(maru 데모 모델의 답입니다. {CONNECT_KO})"),
        ],
        Wish::Before => vec![
            match earlier(prompt).next_back() {
                Some(message) => format!("바로 전에 이렇게 말했습니다:\n\n> {}", quoted(&message.content)),
                None => "이것이 제가 받은 첫 메시지입니다.".to_owned(),
            },
            format!("(maru 데모 모델의 답입니다. {CONNECT_KO})"),
        ],
        Wish::Connect => vec![signed.to_owned(), CONNECT_KO.to_owned()],
        Wish::Greeting => vec![format!("안녕하세요! {signed}"), CONNECT_KO.to_owned()],
        Wish::Other => vec![
            format!("이렇게 이해했습니다:\n\n> {}", quoted(asked)),
            format!("이 대화에서 당신의 {yours}번째 메시지입니다."),
            format!("{signed} {CONNECT_KO}"),
        ],
    }
}

/// The words on quoted lines, cut when there are many.
fn quoted(text: &str) -> String {
    let mut cut: String = text.trim().chars().take(QUOTED).collect();
    if cut.len() < text.trim().len() {
        cut.push('…');
    }
    cut.lines().collect::<Vec<_>>().join("\n> ")
}

fn plural(count: usize, noun: &str) -> String {
    let nouns = if count == 1 { noun.to_owned() } else { format!("{}s", noun).replace("replys", "replies") };
    format!("{count} {nouns}")
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
