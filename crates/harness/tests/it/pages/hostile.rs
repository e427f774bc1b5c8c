//! 250 hostile texts, from people and from models: nothing of them is markup, nothing loads, nothing runs.

use super::{Dom, form, goes_to, is_page, room, say};
use crate::support::{Http, Site, name, on_both};
use maru_testkit::upstream::Script;
use std::collections::BTreeSet;

on_both! { hostile_texts_are_texts }

/// What breaks out, in how many ways it may be written, and around what.
pub fn texts() -> Vec<String> {
    let calls = ["https://evil.example/x", "//evil.example/x", "http://127.0.0.1:9/evil"];
    let runs = ["window.hacked=1", "alert(1)", "top.hacked=1"];
    let mut texts = Vec::new();
    for run in runs {
        for vector in [
            "<script>RUN</script>",
            "<ScRiPt>RUN</sCrIpT>",
            "<script/x>RUN</script>",
            "<script src=data:,RUN></script>",
            "<img src=x onerror=RUN>",
            "<img/src=x/onerror=RUN>",
            "<svg onload=RUN>",
            "<svg><script>RUN</script></svg>",
            "<svg><animate onbegin=RUN attributeName=x dur=1s>",
            "<math><mtext><img src=x onerror=RUN></mtext></math>",
            "<body onload=RUN>",
            "<details open ontoggle=RUN>",
            "<input autofocus onfocus=RUN>",
            "<video><source onerror=RUN>",
            "<iframe srcdoc='<script>parent.RUN</script>'>",
            "<iframe src=javascript:RUN>",
            "<object data=javascript:RUN>",
            "<a href=javascript:RUN>click</a>",
            "<form action=javascript:RUN><button>go</button></form>",
            "<x onclick=RUN style=position:fixed;inset:0>x</x>",
            "<style>@keyframes x{}</style><p style=animation-name:x onanimationstart=RUN>",
            "</textarea><script>RUN</script>",
            "</title><script>RUN</script>",
            "\"><script>RUN</script>",
            "'><img src=x onerror=RUN>",
            "--><script>RUN</script>",
            "]]><script>RUN</script>",
            "<!--<img src='--><img src=x onerror=RUN>'-->",
            "<noscript><p title=\"</noscript><img src=x onerror=RUN>\">",
            "<template><script>RUN</script></template>",
            "[x](javascript:RUN)",
            "[x](JaVaScRiPt:RUN)",
            "[x](java&#115;cript:RUN)",
            "[x](java\tscript:RUN)",
            "[x](&#x6A&#x61&#x76&#x61script:RUN)",
            "![x](javascript:RUN)",
            "<javascript:RUN>",
            "[x]: javascript:RUN\n\n[x]",
            "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
            "[x](vbscript:RUN)",
            "[x](https://a.example/\"onmouseover=\"RUN)",
            "[x](<https://a.example/ onmouseover=RUN>)",
            "[x](https://a.example 'title\" onmouseover=\"RUN')",
            "```\"><script>RUN</script>\nx\n```",
            "```<img src=x onerror=RUN>\nx",
            "```html\n<script>RUN</script>\n```",
            "`<script>RUN</script>`",
            "    <script>RUN</script>",
            "| <img src=x onerror=RUN> |\n| --- |\n| <script>RUN</script> |",
            "> <script>RUN</script>\n> <img src=x onerror=RUN>",
            "# <img src=x onerror=RUN>",
            "- <svg/onload=RUN>\n  - <svg/onload=RUN>",
            "**<b onmouseover=RUN>x</b>**",
            "<div hx-get=/logout/ hx-trigger=load hx-on:load=RUN>",
            "<div hx-on::after-request=RUN sse-connect=/x>",
            "data: x\n\nevent: done\ndata: <script>RUN</script>\n\n",
            "\u{202e}<script>RUN</script>",
            "<scr\u{200b}ipt>RUN</script>",
            "&lt;script&gt;RUN&lt;/script&gt;",
            "&#60;script&#62;RUN&#60;/script&#62;",
            "\\<script>RUN\\</script>",
        ] {
            texts.push(vector.replace("RUN", run));
        }
    }
    for call in calls {
        for vector in [
            "![x](URL)",
            "![x](URL \"t\")",
            "[![x](URL)](URL)",
            "<img src=URL>",
            "<img srcset='URL 1x'>",
            "<link rel=stylesheet href=URL>",
            "<style>@import 'URL';</style>",
            "<p style=\"background:url(URL)\">",
            "<video src=URL autoplay>",
            "<audio src=URL autoplay>",
            "<embed src=URL>",
            "<object data=URL>",
            "<iframe src=URL>",
            "<frame src=URL>",
            "<base href=URL>",
            "<meta http-equiv=refresh content='0;url=URL'>",
            "<table background=URL>",
            "<input type=image src=URL>",
            "<svg><image href=URL /></svg>",
            "<svg><use href=URL#x /></svg>",
            "<link rel=preconnect href=URL>",
            "<link rel=dns-prefetch href=URL>",
            "<script src=URL></script>",
            "<form action=URL method=post><input name=x>",
            "<a href=URL ping=URL>x</a>",
            "[x]: URL\n\n![x]",
        ] {
            texts.push(vector.replace("URL", call));
        }
    }
    texts
}

/// Elements and attributes that pages have; what a text brings along would be another one.
fn harmless(dom: &Dom, text: &str) {
    for element in dom.elements() {
        let known = [
            "html",
            "head",
            "body",
            "meta",
            "title",
            "link",
            "script",
            "noscript",
            "a",
            "header",
            "svg",
            "path",
            "rect",
            "circle",
            "span",
            "nav",
            "form",
            "button",
            "main",
            "div",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "p",
            "article",
            "footer",
            "time",
            "label",
            "textarea",
            "input",
            "ul",
            "ol",
            "li",
            "em",
            "strong",
            "del",
            "code",
            "pre",
            "blockquote",
            "hr",
            "br",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "i",
        ];
        assert!(known.contains(&element.name.as_str()), "<{}> by {text:?}", element.name);
        if element.name == "script" {
            assert!(
                element.text().is_empty()
                    && element.attribute("src").is_some_and(|src| src.starts_with("/assets/")),
                "{text:?}"
            );
        }
        for (name, value) in &element.attributes {
            assert!(
                !name.starts_with("on")
                    && !["style", "srcdoc", "srcset", "ping", "background", "poster"]
                        .contains(&name.as_str()),
                "{name} by {text:?}"
            );
            let value = value.trim().to_lowercase();
            match (element.name.as_str(), name.as_str()) {
                ("a", "href") => {
                    let outside = value.starts_with("https://")
                        || value.starts_with("http://")
                        || value.starts_with("mailto:");
                    assert!(
                        outside || value.starts_with('/') || value.starts_with('#'),
                        "{value} by {text:?}"
                    );
                    if outside {
                        assert_eq!(
                            element.attribute("rel"),
                            Some("noopener noreferrer nofollow"),
                            "{text:?}"
                        );
                    }
                }
                ("link", "href") | (_, "src") => {
                    assert!(value.starts_with("/assets/"), "{value} by {text:?}")
                }
                (_, "action" | "formaction" | "hx-get" | "hx-post" | "sse-connect") => {
                    assert!(
                        ["/chat/", "/login/", "/register/", "/logout/"]
                            .iter()
                            .any(|ours| value.starts_with(ours)),
                        "{value} by {text:?}"
                    );
                }
                _ => {}
            }
        }
    }
}

async fn hostile_texts_are_texts(site: &Site) {
    let texts = texts();
    let distinct: BTreeSet<_> = texts.iter().collect();
    assert!(distinct.len() >= 250, "{}", distinct.len());
    let http = site.http();
    // By a model that says them, in one room; by people, in another, where an echo says them again.
    let models = room(&http, &name("echo"), "").await;
    for (at, text) in texts.iter().enumerate() {
        if at % 3 == 0 {
            let piece = is_page(&say(&http, &models, text).await, 200);
            harmless(&piece, text);
            assert_eq!(piece.with_class("bubble")[0].text(), *text, "a person's words are as they were");
        } else {
            goes_to(&form(http.post(&models), &[("content", text)]).await, &models);
        }
    }
    let page = is_page(&http.get(&models).await, 200);
    harmless(&page, "all of them");
    assert_eq!(page.with_class("bubble").len(), texts.len());
    let shown: Vec<_> = page.with_class("bubble").iter().map(Dom::text).collect();
    assert_eq!(shown, texts);
    spoken(site, &site.user().await, &texts).await;
    // As names and prompts, and as what is wrong.
    for text in texts.iter().filter(|text| !text.contains(['\n', '\t']) && text.trim() == *text).step_by(6) {
        let named = room(&http, text, text).await;
        harmless(&is_page(&http.get(&named).await, 200), text);
        let edit = is_page(&http.get(&format!("{named}edit/")).await, 200);
        harmless(&edit, text);
        assert_eq!(edit.by_id("name").expect("the name").attribute("value"), Some(text.as_str()));
        assert_eq!(edit.by_id("system_prompt").expect("the prompt").text(), *text);
        let long = format!("{text}{}", "x".repeat(260));
        harmless(
            &is_page(&form(http.post("/chat/new/"), &[("name", &long), ("system_prompt", text)]).await, 200),
            text,
        );
        harmless(
            &is_page(
                &form(http.post("/login/"), &[("username", text), ("password", text), ("next", text)]).await,
                200,
            ),
            text,
        );
        harmless(&Dom::of(&http.get(&format!("/login/?next={}", super::encoded(text))).await.text()), text);
        harmless(&Dom::of(&http.get(&format!("/chat/{}/", super::encoded(text))).await.text()), text);
    }
    harmless(&is_page(&http.get("/chat/").await, 200), "names");
}

/// The texts as the whole of what a model says, in a stream and after it.
async fn spoken(site: &Site, http: &Http, texts: &[String]) {
    for text in texts.iter().step_by(5) {
        let (room, _) = super::replies::scripted(
            site,
            http,
            Script::stream().role().say(text).finish("stop").done().end(),
        )
        .await;
        let piece = is_page(&say(http, &room, "speak").await, 200);
        harmless(&piece, text);
        let page = is_page(&http.get(&room).await, 200);
        harmless(&page, text);
        let turn = page.with_class("again")[0]
            .attribute("action")
            .expect("an address")
            .replace("/retry/", "/stream/");
        let told = http.get(&turn).await;
        harmless(&Dom::of(&told.text()), text);
    }
}
