//! Replies are Markdown; readers get HTML. What a model says is as hostile as what anybody else says:
//! markup in it is shown as text, pictures become links, and what leaves here is on ammonia's list.

mod code;
mod host;

use ammonia::Builder;
use code::escaped;
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Deeper than this, lists and quotations are flattened: browsers and readers are lost there anyway.
const DEPTH: usize = 24;

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

/// A whole text as HTML.
#[must_use]
pub fn html_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, Writer::over(text));
    CLEANER.clean(&out).to_string()
}

/// Where the last block of a text begins that is still being written: what stands before it will not
/// change any more.
#[must_use]
pub fn settled(text: &str) -> usize {
    let (mut depth, mut last) = (0_usize, 0);
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if depth == 0 {
            last = range.start;
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    last
}

/// What may stand in a page.
static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::empty();
    cleaner
        .tags(HashSet::from([
            "a",
            "blockquote",
            "br",
            "code",
            "del",
            "div",
            "em",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "li",
            "ol",
            "p",
            "pre",
            "span",
            "strong",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("ol", HashSet::from(["start"])),
            ("pre", HashSet::from(["data-lang"])),
        ]))
        .tag_attribute_values(HashMap::from([
            ("pre", HashMap::from([("tabindex", HashSet::from(["0"]))])),
            ("div", HashMap::from([("tabindex", HashSet::from(["0"]))])),
        ]))
        .set_tag_attribute_values(HashMap::from([("a", HashMap::from([("target", "_blank")]))]))
        .allowed_classes(HashMap::from([
            ("span", HashSet::from_iter(code::CLASSES.into_iter().chain([host::CLASS]))),
            ("div", HashSet::from(["wide"])),
        ]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    cleaner
});

/// The events of a text, changed so that nothing in them is markup of its author's.
struct Writer<'t> {
    events: Parser<'t>,
    /// What goes out before the next event is read.
    ready: Vec<Event<'t>>,
    /// Of the open elements, whether each is shown or only what is in it.
    open: Vec<bool>,
    /// The level of the last heading: a page's own is 1, a message's is 2, and none may jump.
    level: u8,
    /// The link that is open, and what is said in it.
    link: Option<(String, String)>,
}

impl<'t> Writer<'t> {
    fn over(text: &'t str) -> Self {
        let events = Parser::new_ext(text, options());
        Self { events, ready: Vec::new(), open: Vec::new(), level: 2, link: None }
    }

    fn start(&mut self, tag: Tag<'t>) -> Option<Event<'t>> {
        match tag {
            // A picture would tell its host who reads what.
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                if self.link.is_some() || !host::may_be_followed(&dest_url) {
                    return None;
                }
                self.link = Some((dest_url.to_string(), String::new()));
                Some(Event::Start(Tag::Link {
                    link_type: pulldown_cmark::LinkType::Inline,
                    dest_url,
                    title: CowStr::Borrowed(""),
                    id: CowStr::Borrowed(""),
                }))
            }
            Tag::HtmlBlock => Some(Event::Start(Tag::Paragraph)),
            Tag::Heading { level, .. } => {
                self.level = (level as u8 + 2).min(self.level + 1).min(6);
                Some(raw(format!("<h{}>", self.level)))
            }
            Tag::Table(_) => {
                self.ready.push(Event::Start(Tag::Table(Vec::new())));
                Some(raw("<div class=\"wide\" tabindex=\"0\">"))
            }
            Tag::BlockQuote(_) | Tag::List(_) | Tag::Item if self.open.len() >= DEPTH => None,
            Tag::BlockQuote(_) => Some(Event::Start(Tag::BlockQuote(None))),
            other => Some(Event::Start(other)),
        }
    }

    fn end(&mut self, tag: TagEnd) -> Event<'t> {
        match tag {
            TagEnd::Link | TagEnd::Image => {
                let (url, said) = self.link.take().unwrap_or_default();
                if let Some(host) = host::to_be_named(&url, &said) {
                    self.ready.push(raw(format!(
                        " <span class=\"{}\">({})</span>",
                        host::CLASS,
                        escaped(&host)
                    )));
                }
                Event::End(TagEnd::Link)
            }
            TagEnd::HtmlBlock => Event::End(TagEnd::Paragraph),
            TagEnd::Heading(_) => raw(format!("</h{}>\n", self.level)),
            TagEnd::Table => {
                self.ready.push(raw("</div>\n"));
                Event::End(TagEnd::Table)
            }
            other => Event::End(other),
        }
    }

    /// A block of code, to its end.
    fn code(&mut self, kind: &CodeBlockKind<'_>) -> Event<'t> {
        let mut text = String::new();
        for event in self.events.by_ref() {
            match event {
                Event::End(TagEnd::CodeBlock) => break,
                Event::Text(more) => text.push_str(&more),
                _ => {}
            }
        }
        let info = match kind {
            CodeBlockKind::Fenced(info) => info.as_ref(),
            CodeBlockKind::Indented => "",
        };
        raw(code::block(info.split([' ', ',', '{']).next().unwrap_or_default(), &text))
    }
}

fn raw<'t>(html: impl Into<CowStr<'t>>) -> Event<'t> {
    Event::Html(html.into())
}

impl<'t> Iterator for Writer<'t> {
    type Item = Event<'t>;

    fn next(&mut self) -> Option<Event<'t>> {
        loop {
            if let Some(event) = self.ready.pop() {
                return Some(event);
            }
            let event = match self.events.next()? {
                Event::Start(Tag::CodeBlock(kind)) => Some(self.code(&kind)),
                Event::Start(tag) => {
                    let started = self.start(tag);
                    self.open.push(started.is_some());
                    started
                }
                Event::End(tag) => self.open.pop().unwrap_or(true).then(|| self.end(tag)),
                // People and models break lines where they want them broken.
                Event::SoftBreak => Some(Event::HardBreak),
                Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
                other => Some(other),
            };
            if let (Some((_, said)), Some(Event::Text(text) | Event::Code(text))) = (&mut self.link, &event) {
                said.push_str(text);
            }
            if event.is_some() {
                return event;
            }
        }
    }
}

#[cfg(test)]
mod tests;
