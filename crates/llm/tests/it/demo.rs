//! The demo is useful, honest and always the same.

use crate::support::{hear, prompt, talk};
use futures_util::{FutureExt, StreamExt};
use maru_domain::messages::Role;
use maru_domain::turns::ports::{ChatModel, Finish, Piece};
use maru_llm::Demo;
use std::time::Duration;
use tokio::time::Instant;

async fn says(text: &str) -> String {
    let heard = hear(&Demo::default(), prompt(text)).await;
    assert!(matches!(heard.end, Some((Finish::Stop, Some(_)))) && heard.error.is_none());
    heard.text
}

#[tokio::test]
async fn it_always_says_that_it_is_a_demo_and_how_to_get_more() {
    for text in [
        "",
        " ",
        "hello",
        "help",
        "What is maru?",
        "How many messages?",
        "what did I say before?",
        "\u{0}",
        "🙂",
        "x",
        "how do I use OpenAI here",
    ] {
        let said = says(text).await;
        assert!(
            said.contains("demo model")
                && said.contains("maru serve --model openai/gpt-4o-mini")
                && said.contains("OPENAI_API_KEY"),
            "{text:?}: {said}"
        );
    }
    for text in ["안녕", "도움말", "마루가 뭐예요?", "메시지가 몇 개야?", "내가 뭐라고 했어?", "오늘 날씨는?"]
    {
        let said = says(text).await;
        assert!(
            said.contains("데모 모델") && said.contains("maru serve --model openai/gpt-4o-mini"),
            "{text:?}: {said}"
        );
    }
}

#[tokio::test]
async fn it_knows_the_conversation() {
    let talk = |last| {
        talk(
            Some("be kind"),
            &[
                (Role::User, "my name is Ada"),
                (Role::Assistant, "noted"),
                (Role::User, "I like tea"),
                (Role::Assistant, "good"),
                (Role::User, last),
            ],
        )
    };
    let heard = |last| async move { hear(&Demo::default(), talk(last)).await.text };
    assert!(heard("What did I say before?").await.contains("> I like tea"));
    assert!(heard("How many messages are here?").await.contains("3 messages from you and 2 replies from me"));
    assert!(heard("메시지가 몇 개예요?").await.contains("메시지가 3개"));
    assert!(heard("내가 뭐라고 했어?").await.contains("> I like tea"));
    let echo = heard("the quick brown fox").await;
    assert!(
        echo.contains("> the quick brown fox")
            && echo.contains("4 words in your 3rd message")
            && echo.contains("a prompt of its own"),
        "{echo}"
    );
    assert!(says("what did I say before").await.contains("first message"));
    assert!(!says("Delhi is hot").await.contains("Hello!"), "hi is a word, not an ending");
    assert!(says(&"long ".repeat(10_000)).await.len() < 2_000);
}

#[tokio::test]
async fn the_text_depends_on_the_prompt_alone_and_is_ready_at_once() {
    let mut pieces = Demo::default().reply(prompt("hello there")).await.expect("ready");
    let (mut text, mut count) = (String::new(), 0);
    loop {
        match pieces.next().now_or_never().expect("ready").expect("not over").expect("no error") {
            Piece::Text(more) => text.push_str(&more),
            Piece::End { usage, .. } => {
                let usage = usage.expect("counted");
                assert_eq!(
                    (usage.input_tokens, usage.output_tokens),
                    (2, i64::try_from(text.split_whitespace().count()).expect("small"))
                );
                break;
            }
        }
        count += 1;
    }
    assert!(count > 20, "word by word");
    assert_eq!(text, says("hello there").await);
}

#[tokio::test(start_paused = true)]
async fn a_delay_comes_before_each_word() {
    let began = Instant::now();
    let heard = hear(&Demo::new(Duration::from_millis(40)), prompt("hello")).await;
    assert_eq!(began.elapsed(), Duration::from_millis(40) * u32::try_from(heard.pieces).expect("few"));
}
