//! A reader of a turn's stream, as a client is one.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use maru_domain::ids::TurnId;
use maru_domain::turns::{TurnEvent, TurnEventId, TurnView};
use maru_testkit::fakes::soon;

use super::world::Server;

/// From here on a number says how much of the stored text a reader has.
pub const STORED: u64 = 1 << 39;

/// What a reader has got so far.
pub struct Reader {
    stream: BoxStream<'static, TurnEvent>,
    turn: TurnId,
    pub text: String,
    /// The last event that it knows, which it names when it comes again.
    pub at: Option<TurnEventId>,
    /// Each delta's text.
    pub deltas: Vec<String>,
    pub resets: usize,
    pub end: Option<TurnEvent>,
}

impl Reader {
    pub async fn open(server: &Server, turn: TurnId) -> Self {
        Self::at(server, turn, None).await
    }

    pub async fn at(server: &Server, turn: TurnId, at: Option<TurnEventId>) -> Self {
        let stream = server.services.turns.follow(turn, at).await.unwrap();
        Self { stream, turn, text: String::new(), at, deltas: Vec::new(), resets: 0, end: None }
    }

    /// Loses the connection and comes again, perhaps to another server.
    pub async fn again(&mut self, server: &Server) {
        self.stream = server.services.turns.follow(self.turn, self.at).await.unwrap();
    }

    /// Takes the next event; false when there is none any more.
    pub async fn next(&mut self) -> bool {
        let Some(event) = soon("an event of the stream", self.stream.next()).await else { return false };
        assert_eq!(self.end, None, "nothing comes after the end");
        match event {
            TurnEvent::Delta { id, text } => {
                assert_eq!(id.turn, self.turn);
                let before = self.at.filter(|at| at.fence == id.fence).map_or(0, |at| at.n);
                if before.max(id.n) < STORED {
                    assert_eq!(id.n, before + 1, "the deltas are numbered without gaps");
                }
                self.text += &text;
                self.deltas.push(text);
                self.at = Some(id);
            }
            TurnEvent::Reset { id, text } => {
                assert_eq!(id.turn, self.turn);
                self.text = text;
                self.at = Some(id);
                self.resets += 1;
            }
            end => self.end = Some(end),
        }
        true
    }

    /// Reads until it has this text.
    pub async fn has(&mut self, text: &str) {
        while self.text != text {
            assert!(self.next().await, "the stream ended with {:?}", self.text);
        }
    }

    /// Reads on to the end of the stream.
    pub async fn rest(mut self) -> Self {
        while self.next().await {}
        self
    }

    /// The turn that `done` tells of.
    pub fn done(&self) -> &TurnView {
        match &self.end {
            Some(TurnEvent::Done(view)) => view,
            other => panic!("the stream has not ended with done: {other:?}"),
        }
    }

    /// Reads on to an end at which the reader has all of the text.
    pub async fn completes(self, text: &str) -> Self {
        let read = self.rest().await;
        assert_eq!(read.text, text, "what the reader has");
        assert_eq!(read.done().reply, text, "what is stored");
        read
    }

    /// Reads on to such an end, or to one without a word: then the reader comes again elsewhere.
    pub async fn completes_or_leaves(self, text: &str) -> Self {
        let read = self.rest().await;
        if read.end.is_some() {
            assert_eq!((read.text.as_str(), read.done().reply.as_str()), (text, text));
        }
        read
    }
}
