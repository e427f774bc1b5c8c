//! Which quote a thread gets (contract §5.3): the category by what the person has said, the quote of
//! it by the thread and the number of the message. Nothing is drawn: the same thread gets the same.

use super::{Category, Quote};

/// The words that speak for a category, as they stand in Korean whatever their ending; a few English
/// ones. To stumble (넘어지다) is no word of resilience: it is not yet to have failed.
const WORDS: [(Category, &[&str]); 4] = [
    (
        Category::Hope,
        &[
            "희망",
            "절망",
            "기분이 안",
            "기분이 나",
            "기분이 별로",
            "기분 안",
            "기분 나",
            "우울",
            "슬프",
            "슬퍼",
            "슬픈",
            "슬픔",
            "외로",
            "눈물",
            "울었",
            "울고",
            "힘들",
            "힘드",
            "괴로",
            "속상",
            "불안",
            "걱정",
            "무서",
            "두려",
            "막막",
            "답답",
            "허무",
            "아파",
            "아프",
            "지쳤",
            "지쳐",
            "지친",
            "어둡",
            "어두",
            "hope",
            "sad",
            "lonely",
            "depress",
            "anxious",
            "feel bad",
        ],
    ),
    (
        Category::Motivation,
        &[
            "동기",
            "의욕",
            "열정",
            "도전",
            "시작",
            "꿈",
            "목표",
            "용기",
            "하고 싶",
            "되고 싶",
            "망설",
            "자신감",
            "자신이 없",
            "motivat",
            "dream",
            "goal",
            "courage",
            "challenge",
        ],
    ),
    (
        Category::Productivity,
        &[
            "집중",
            "생산",
            "효율",
            "시간",
            "미루",
            "미뤘",
            "미뤄",
            "마감",
            "일정",
            "계획",
            "공부",
            "업무",
            "과제",
            "숙제",
            "할 일",
            "바쁘",
            "바빠",
            "게으",
            "게을",
            "습관",
            "야근",
            "productiv",
            "procrastinat",
            "deadline",
            "focus",
            "busy",
        ],
    ),
    (
        Category::Resilience,
        &[
            "실패",
            "좌절",
            "포기",
            "극복",
            "이겨",
            "다시 일어",
            "버티",
            "버텨",
            "견디",
            "견뎌",
            "회복",
            "시련",
            "역경",
            "무너",
            "탈락",
            "불합격",
            "떨어졌",
            "재기",
            "fail",
            "give up",
            "giving up",
            "overcome",
            "reject",
            "resilien",
        ],
    ),
];

/// The category that speaks most from all that the person has said: hope, when none does or two do
/// alike. A word counts once in each message.
#[must_use]
pub fn category_of(said: &[String]) -> Category {
    let scores = scores(said);
    let best = scores.iter().map(|(_, score)| *score).max().unwrap_or_default();
    let mut first = scores.iter().filter(|(_, score)| *score == best && best > 0);
    match (first.next(), first.next()) {
        (Some((category, _)), None) => *category,
        _ => Category::Hope,
    }
}

fn scores(said: &[String]) -> [(Category, usize); 4] {
    let said: Vec<String> = said.iter().map(|text| text.to_lowercase()).collect();
    WORDS.map(|(category, words)| {
        let in_one = |text: &String| words.iter().filter(|word| text.contains(**word)).count();
        (category, said.iter().map(in_one).sum())
    })
}

/// The quote of the person's `n`th message in a thread, from those of its category in the order of
/// their numbers. The thread decides where in the list its first quote lies, and each further message
/// goes one on, so that no two in a row are alike.
///
/// Somebody who says in words of hope that they feel bad begins with the first of the list: that is
/// the seed's own example, whatever the thread is called.
#[must_use]
pub fn choose(quotes: &[Quote], thread: &str, n: i64, said: &[String]) -> Option<Quote> {
    let count = u64::try_from(quotes.len()).ok().filter(|count| *count > 0)?;
    let feels_bad = category_of(said) == Category::Hope && scores(said)[0].1 > 0;
    let start = if feels_bad { 0 } else { hash(thread) % count };
    let steps = u64::try_from(n.saturating_sub(FIRST)).unwrap_or(0) % count;
    quotes.get(usize::try_from((start + steps) % count).unwrap_or(0)).cloned()
}

/// The first message that gets a quote.
const FIRST: i64 = 4;

/// FNV-1a: the same in every version of maru, unlike the standard library's.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn said(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn quotes(count: i64) -> Vec<Quote> {
        let one = |id| Quote {
            id,
            text: format!("quote {id}"),
            author: String::new(),
            category: Category::Hope,
            source: None,
        };
        (1..=count).map(one).collect()
    }

    #[test]
    fn the_seeds_example_is_hope_and_its_first_quote() {
        let fell = said(&["오늘 지하철에서 넘어져서 기분이 안 좋아요"]);
        assert_eq!(category_of(&fell), Category::Hope);
        for thread in ["[\"user_123\",\"thread_456\"]", "x", ""] {
            assert_eq!(choose(&quotes(14), thread, 4, &fell).map(|quote| quote.id), Some(1));
        }
    }

    #[test]
    fn to_stumble_alone_is_not_resilience() {
        assert_eq!(category_of(&said(&["넘어졌어요", "또 넘어지고", "넘어져서"])), Category::Hope);
        assert_eq!(category_of(&said(&["시험에 실패했어요", "포기하고 말았어요"])), Category::Resilience);
    }

    #[test]
    fn what_is_said_most_decides() {
        let cases = [
            (&["새로운 도전을 시작하고 싶은데 용기가 없어요"][..], Category::Motivation),
            (&["자꾸 일을 미뤄요", "마감이 내일인데 집중이 안 돼요"], Category::Productivity),
            (&["우울해요", "목표가 없어요", "꿈도 없고 의욕도 없어요"], Category::Motivation),
            (&["I keep procrastinating", "my deadline is near"], Category::Productivity),
            (&["REJECTED again"], Category::Resilience),
        ];
        for (texts, category) in cases {
            assert_eq!(category_of(&said(texts)), category, "{texts:?}");
        }
    }

    #[test]
    fn no_match_and_a_tie_are_hope() {
        for texts in [&[][..], &["안녕하세요", "네"], &["실패", "마감"], &["목표", "포기"]] {
            assert_eq!(category_of(&said(texts)), Category::Hope, "{texts:?}");
        }
    }

    #[test]
    fn the_same_thread_gets_the_same_and_each_message_another() {
        let (quotes, texts) = (quotes(10), said(&["안녕"]));
        let at = |thread: &str, n| choose(&quotes, thread, n, &texts).unwrap().id;
        for thread in ["[\"a_b\",\"c\"]", "[\"a\",\"b_c\"]"] {
            let ten: Vec<_> = (4..14).map(|n| at(thread, n)).collect();
            assert_eq!(ten, (4..14).map(|n| at(thread, n)).collect::<Vec<_>>());
            assert_eq!(ten.iter().collect::<HashSet<_>>().len(), 10, "{ten:?}");
            assert_eq!(at(thread, 14), at(thread, 4));
        }
        let firsts: HashSet<_> = (0..200).map(|thread| at(&format!("{thread}"), 4)).collect();
        assert_eq!(firsts.len(), 10, "threads are spread over all quotes");
    }

    #[test]
    fn an_empty_category_has_no_quote() {
        assert_eq!(choose(&[], "x", 4, &said(&["안녕"])), None);
        assert_eq!(choose(&quotes(1), "x", i64::MAX, &[]).map(|quote| quote.id), Some(1));
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!((hash(""), hash("a")), (0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c));
    }

    #[test]
    fn every_category_has_words_in_lower_case() {
        for (category, words) in WORDS {
            assert!(words.len() >= 10, "{category:?}");
            assert!(words.iter().all(|word| **word == word.to_lowercase() && !word.trim().is_empty()));
        }
        assert_eq!(WORDS.map(|(category, _)| category), Category::ALL);
    }
}
