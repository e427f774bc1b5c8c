//! The four steps of a thread (contract §5.1, §5.2).

/// A step of the conversation; the person's message decides which by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteFlow {
    /// The first message: thank, and ask for more.
    Opening,
    /// The second: ask how it felt.
    Feeling,
    /// The third: show that it is understood, and ask for a little more.
    Comfort,
    /// The fourth and every later one: a word of comfort, and a quote.
    Quote,
}

impl QuoteFlow {
    /// The step of the person's `n`th message.
    #[must_use]
    pub const fn of(n: i64) -> Self {
        match n {
            ..=1 => Self::Opening,
            2 => Self::Feeling,
            3 => Self::Comfort,
            _ => Self::Quote,
        }
    }

    /// True for the step that ends with a quote, and whose send waits for it.
    #[must_use]
    pub const fn gives_quote(self) -> bool {
        matches!(self, Self::Quote)
    }

    /// What is said to `content` where no model finds words of its own.
    #[must_use]
    pub fn template(self, content: &str) -> String {
        match self {
            Self::Opening => {
                format!("안녕하세요! {content}에 대해 말씀해주셔서 감사합니다. 더 자세히 들려주실 수 있나요?")
            }
            Self::Feeling => {
                "그런 상황이셨군요. 정말 힘드셨을 것 같아요. 그때 어떤 기분이 드셨나요?".to_owned()
            }
            Self::Comfort => "마음이 많이 상하셨을 것 같아요. 이런 일들이 있을 때는 정말 지치죠. 조금 더 \
                              이야기해주세요."
                .to_owned(),
            Self::Quote => {
                "충분히 이해됩니다. 당신의 마음을 어루만져줄 수 있는 따뜻한 말을 전해드릴게요.".to_owned()
            }
        }
    }

    /// What a model is told of the shape of this step.
    #[must_use]
    pub const fn shape(self) -> &'static str {
        match self {
            Self::Opening => {
                "당신은 사람의 마음을 들어 주는 상담 친구입니다. 한국어 존댓말로 두세 문장만 답하세요. 인사하고, \
                 말해 준 것에 고마움을 전하고, 더 자세히 들려 달라고 부탁하세요. 명언이나 조언은 아직 하지 마세요."
            }
            Self::Feeling => {
                "당신은 사람의 마음을 들어 주는 상담 친구입니다. 한국어 존댓말로 두세 문장만 답하세요. 상황에 \
                 공감하고, 그때 어떤 기분이 들었는지 물어보세요. 명언이나 조언은 아직 하지 마세요."
            }
            Self::Comfort => {
                "당신은 사람의 마음을 들어 주는 상담 친구입니다. 한국어 존댓말로 두세 문장만 답하세요. 상한 마음을 \
                 위로하고, 조금 더 이야기해 달라고 부탁하세요. 명언이나 조언은 아직 하지 마세요."
            }
            Self::Quote => {
                "당신은 사람의 마음을 들어 주는 상담 친구입니다. 한국어 존댓말로 한두 문장만 답하세요. 충분히 \
                 이해한다고 말하고, 따뜻한 말을 전하겠다고 하세요. 명언은 따로 전해지니 직접 쓰지 마세요."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_steps_and_then_quotes_for_ever() {
        let steps: Vec<_> = (1..=6).map(QuoteFlow::of).collect();
        use QuoteFlow::{Comfort, Feeling, Opening, Quote};
        assert_eq!(steps, [Opening, Feeling, Comfort, Quote, Quote, Quote]);
        let quotes: Vec<_> = steps.into_iter().map(QuoteFlow::gives_quote).collect();
        assert_eq!(quotes, [false, false, false, true, true, true]);
        assert_eq!(QuoteFlow::of(0), Opening);
        assert_eq!(QuoteFlow::of(i64::MAX), Quote);
    }

    #[test]
    fn the_templates_are_the_contracts() {
        let said = "오늘 {content} 지하철에서 넘어져서 기분이 안 좋아요";
        let templates: Vec<_> = (1..=5).map(|n| QuoteFlow::of(n).template(said)).collect();
        assert_eq!(
            templates,
            [
                "안녕하세요! 오늘 {content} 지하철에서 넘어져서 기분이 안 좋아요에 대해 말씀해주셔서 감사합니다. 더 자세히 들려주실 수 있나요?",
                "그런 상황이셨군요. 정말 힘드셨을 것 같아요. 그때 어떤 기분이 드셨나요?",
                "마음이 많이 상하셨을 것 같아요. 이런 일들이 있을 때는 정말 지치죠. 조금 더 이야기해주세요.",
                "충분히 이해됩니다. 당신의 마음을 어루만져줄 수 있는 따뜻한 말을 전해드릴게요.",
                "충분히 이해됩니다. 당신의 마음을 어루만져줄 수 있는 따뜻한 말을 전해드릴게요.",
            ]
        );
    }

    #[test]
    fn each_step_has_a_shape_of_its_own() {
        let shapes: std::collections::HashSet<_> = (1..=4).map(|n| QuoteFlow::of(n).shape()).collect();
        assert_eq!(shapes.len(), 4);
    }
}
