//! The contract of [`QuoteStore`](maru_domain::quotes::ports::QuoteStore).

use super::durable::{
    TestStore, complete, ending, exchange, id, new_room, ok, patiently, room, send_to, sent, sound, there,
    turn_now,
};
use maru_domain::ids::{RoomId, TurnId};
use maru_domain::messages::ports::NewSend;
use maru_domain::page::{MAX_LIMIT, Order, PageRequest, Part};
use maru_domain::quotes::{Category, Imported, NewQuote, Quote};
use maru_domain::rooms::RoomKind;
use maru_domain::rooms::ports::NewRoom;
use maru_domain::turns::TurnStatus;
use maru_domain::turns::ports::Ending;
use std::collections::HashSet;
use tokio::task::JoinSet;

/// Names the tests of quotes for an expression that opens an empty [`TestStore`](super::durable::TestStore).
#[macro_export]
macro_rules! quotes_contract {
    ($new:expr) => {
        $crate::contract_tests!(quotes, $new =>
            the_catalogue_begins_with_the_contracts_four,
            every_category_has_ten_quotes_or_more,
            the_catalogue_is_read_in_pages,
            new_quotes_go_on_behind_the_catalogue,
            the_same_words_are_added_once,
            the_same_words_added_at_once_are_one_quote,
            a_quote_is_kept_as_it_read_when_it_was_given,
            only_the_end_of_a_turn_gives_a_quote,
            the_prompt_of_a_thread_knows_all_that_was_said,
            a_room_stands_at_its_latest_turn,
            threads_are_counted_while_they_are_there,
        );
    };
}

fn page(limit: usize, order: Order, part: Part<i64>) -> PageRequest<i64> {
    PageRequest { limit, order, part }
}

async fn all(store: &TestStore, category: Option<Category>) -> Vec<Quote> {
    let page = ok(store.quotes.page(category, page(MAX_LIMIT, Order::Ascending, Part::Start)).await);
    assert!(!page.has_more);
    page.items
}

fn new(text: &str) -> NewQuote {
    NewQuote {
        text: text.into(),
        author: "누군가".into(),
        category: Category::Hope,
        source: Some("it's a 'book'".into()),
    }
}

async fn thread(store: &TestStore) -> RoomId {
    let room =
        NewRoom { kind: RoomKind::Quote, public_id: Some(format!("[\"u\",\"{}\"]", id())), ..new_room() };
    match ok(store.rooms.create(room, None).await) {
        maru_domain::once::Once::Done(room) => room.id,
        other => panic!("not opened: {other:?}"),
    }
}

/// Contract §5.3, to the letter.
pub async fn the_catalogue_begins_with_the_contracts_four(store: TestStore) {
    let four = [
        (1, "hope", "가장 어두운 밤도 결국은 끝나고, 해는 떠오른다.", "빅터 위고"),
        (2, "motivation", "실패는 성공의 어머니다.", "토마스 에디슨"),
        (3, "productivity", "오늘 할 수 있는 일을 내일로 미루지 말라.", "벤자민 프랭클린"),
        (4, "resilience", "넘어지는 것은 실패가 아니다. 넘어진 자리에 머무는 것이 실패다.", "공자"),
    ];
    for (id, category, text, author) in four {
        let quote = there(store.quotes.find(id).await);
        assert_eq!(
            (quote.id, quote.category.as_str(), quote.text.as_str(), quote.author.as_str()),
            (id, category, text, author)
        );
        let of_category = ok(store.quotes.of_category(quote.category).await);
        assert_eq!(of_category.first(), Some(&quote), "the contract's own leads its category");
    }
    for id in [0, -1, i64::MAX, i64::MIN] {
        assert_eq!(ok(store.quotes.find(id).await), None);
    }
}

/// And beside the contract's four each names the work that it is from.
pub async fn every_category_has_ten_quotes_or_more(store: TestStore) {
    let mut texts = HashSet::new();
    for category in Category::ALL {
        let quotes = ok(store.quotes.of_category(category).await);
        assert!(quotes.len() > 10, "{category:?} has {}", quotes.len());
        assert!(quotes.is_sorted_by(|one, next| one.id < next.id));
        assert_eq!(all(&store, Some(category)).await, quotes);
        for quote in quotes {
            let known =
                NewQuote::of(&quote.text, &quote.author, quote.category.as_str(), quote.source.as_deref());
            assert!(known.is_ok_and(|known| known.text == quote.text), "{quote:?}");
            assert_eq!(quote.source.is_some(), quote.id > 4, "{quote:?}");
            assert!(texts.insert(quote.text.clone()), "{quote:?} is there twice");
        }
    }
    assert_eq!(all(&store, None).await.len(), texts.len());
}

/// In both directions, without a gap.
pub async fn the_catalogue_is_read_in_pages(store: TestStore) {
    for category in [None, Some(Category::Motivation)] {
        let all = all(&store, category).await;
        for order in [Order::Ascending, Order::Descending] {
            let mut wanted = all.clone();
            if order == Order::Descending {
                wanted.reverse();
            }
            let (mut read, mut part) = (Vec::new(), Part::Start);
            loop {
                let page = ok(store.quotes.page(category, page(3, order, part)).await);
                assert!(page.items.len() <= 3);
                read.extend(page.items.clone());
                match page.items.last() {
                    Some(last) if page.has_more => part = Part::After(last.id),
                    _ => break,
                }
            }
            assert_eq!(read, wanted);
            let before = page(2, order, Part::Before(wanted[3].id));
            assert_eq!(ok(store.quotes.page(category, before).await).items, wanted[1..3]);
        }
    }
}

/// Under numbers of their own.
pub async fn new_quotes_go_on_behind_the_catalogue(store: TestStore) {
    let before = all(&store, None).await;
    let added =
        ok(store.quotes.import(vec![new("하나"), NewQuote { source: None, ..new("it's \"two\" 😀") }]).await);
    let [Imported::Added(one), Imported::Added(two)] = &added[..] else { panic!("not added: {added:?}") };
    let last = before.last().map_or(0, |quote| quote.id);
    assert!(last < one.id && one.id < two.id);
    assert_eq!((one.text.as_str(), one.source.as_deref()), ("하나", Some("it's a 'book'")));
    assert_eq!((two.text.as_str(), two.source.as_deref()), ("it's \"two\" 😀", None));
    for quote in [one, two] {
        assert_eq!(&there(store.quotes.find(quote.id).await), quote);
    }
    assert_eq!(all(&store, None).await.len(), before.len() + 2);
    assert_eq!(ok(store.quotes.import(Vec::new()).await), []);
}

/// Also twice in one import; what was there stays as it was.
pub async fn the_same_words_are_added_once(store: TestStore) {
    let other =
        NewQuote { author: "다른 사람".into(), category: Category::Resilience, ..new("같은 말") };
    let added = ok(store.quotes.import(vec![new("같은 말"), other.clone()]).await);
    let [Imported::Added(first), Imported::Known(second)] = &added[..] else { panic!("{added:?}") };
    assert_eq!(first, second);
    assert_eq!(ok(store.quotes.import(vec![other]).await), [Imported::Known(first.clone())]);
    assert_eq!(&there(store.quotes.find(first.id).await), first);
}

/// Two operators, one file.
pub async fn the_same_words_added_at_once_are_one_quote(store: TestStore) {
    let before = all(&store, None).await.len();
    let mut imports = JoinSet::new();
    for _ in 0..8 {
        let quotes = store.quotes.clone();
        let new: Vec<_> = (0..5).map(|number| new(&format!("말 {number}"))).collect();
        imports.spawn(async move { patiently(|| quotes.import(new.clone())).await });
    }
    let mut added = 0;
    for imported in imports.join_all().await {
        added += ok(imported).iter().filter(|one| matches!(one, Imported::Added(_))).count();
    }
    assert_eq!(added, 5);
    assert_eq!(all(&store, None).await.len(), before + 5);
}

/// With the reply and its turn.
pub async fn a_quote_is_kept_as_it_read_when_it_was_given(store: TestStore) {
    let room = room(&store).await;
    for quote in [
        there(store.quotes.find(1).await),
        Quote { id: 999_999, source: Some("no such book".into()), ..there(store.quotes.find(2).await) },
    ] {
        let stored = sent(&store, send_to(room.id, "hello")).await;
        let end = Ending { quote: Some(quote.clone()), ..ending(&stored.turn, TurnStatus::Completed, "hi") };
        there(store.turns.finish(end).await);
        assert_eq!(turn_now(&store, stored.turn.id).await.quote, Some(quote.clone()));
        let told = sound(&store, room.id).await;
        let [.., asked, reply] = &told.messages[..] else { panic!("two messages: {told:?}") };
        assert_eq!((&asked.quote, &reply.quote), (&None, &Some(quote.clone())));
        let found = there(store.messages.find(room.id, reply.id).await);
        assert_eq!(found.quote, Some(quote));
    }
}

/// Partial text has none.
pub async fn only_the_end_of_a_turn_gives_a_quote(store: TestStore) {
    let room = room(&store).await;
    let stored = sent(&store, send_to(room.id, "hello")).await;
    super::durable::kept(&store, &stored.turn, "so far").await;
    assert_eq!(turn_now(&store, stored.turn.id).await.quote, None);
    complete(&store, &stored.turn, "all of it").await;
    assert_eq!(turn_now(&store, stored.turn.id).await.quote, None);
}

/// However much of it the model is told; another room is no thread.
pub async fn the_prompt_of_a_thread_knows_all_that_was_said(store: TestStore) {
    let quote = thread(&store).await;
    for text in ["one", "two", "three"] {
        exchange(&store, quote, text, "yes").await;
    }
    let fourth = sent(&store, send_to(quote, "four")).await;
    let fifth = sent(&store, NewSend { queue_limit: 20, ..send_to(quote, "five") }).await;
    let prompt = there(store.turns.prompt(fourth.turn.id, 1).await);
    assert_eq!(prompt.messages.len(), 1);
    let thread = prompt.thread.unwrap_or_else(|| panic!("no thread"));
    assert_eq!(thread.said, ["one", "two", "three", "four"]);
    assert_eq!(Some(thread.public_id), fourth.room.public_id);
    let prompt = there(store.turns.prompt(fifth.turn.id, 40).await);
    assert_eq!(prompt.thread.map(|thread| thread.said.len()), Some(5));
    let native = room(&store).await;
    let stored = sent(&store, send_to(native.id, "one")).await;
    assert_eq!(there(store.turns.prompt(stored.turn.id, 1).await).thread, None);
}

/// With the number of what the person has said.
pub async fn a_room_stands_at_its_latest_turn(store: TestStore) {
    let quote = thread(&store).await;
    assert_eq!(ok(store.quotes.standing(quote).await), None);
    for n in 1..=3 {
        let stored = exchange(&store, quote, &format!("{n}"), &format!("reply {n}")).await;
        let standing = there(store.quotes.standing(quote).await);
        assert_eq!((standing.asked, standing.latest.turn.id), (n, stored.turn.id));
        assert_eq!(standing.latest.reply, format!("reply {n}"));
        assert_eq!(there(store.quotes.asked(stored.turn.id).await), n);
    }
    let fourth = sent(&store, send_to(quote, "4")).await;
    let fifth = sent(&store, send_to(quote, "5")).await;
    assert_eq!(there(store.quotes.asked(fourth.turn.id).await), 4);
    let standing = there(store.quotes.standing(quote).await);
    assert_eq!((standing.asked, standing.latest.turn), (5, fifth.turn));
    assert_eq!(ok(store.quotes.standing(RoomId(id())).await), None);
    assert_eq!(ok(store.quotes.asked(TurnId(id())).await), None);
}

/// Whoever owns them; other rooms are none.
pub async fn threads_are_counted_while_they_are_there(store: TestStore) {
    assert_eq!(ok(store.quotes.threads().await), 0);
    let (one, _) = (thread(&store).await, thread(&store).await);
    room(&store).await;
    assert_eq!(ok(store.quotes.threads().await), 2);
    ok(store.rooms.delete(one).await);
    assert_eq!(ok(store.quotes.threads().await), 1);
}
