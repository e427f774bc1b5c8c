use super::{html_of, settled};
use std::fmt::Write;
use std::time::{Duration, Instant};

#[test]
fn markdown_becomes_html() {
    assert_eq!(
        html_of("a **b** _c_ ~~d~~ `e`"),
        "<p>a <strong>b</strong> <em>c</em> <del>d</del> <code>e</code></p>\n"
    );
    assert_eq!(html_of("one\ntwo"), "<p>one<br>\ntwo</p>\n");
    assert_eq!(html_of("3. c\n4. d"), "<ol start=\"3\">\n<li>c</li>\n<li>d</li>\n</ol>\n");
    assert_eq!(html_of(""), "");
    let table = html_of("| a | b |\n| --- | ---: |\n| 1 | 2 |");
    assert!(table.starts_with("<div class=\"wide\" tabindex=\"0\"><table><thead><tr><th>a</th>"), "{table}");
    assert!(table.ends_with("</table>\n</div>\n") && !table.contains("style"), "{table}");
}

#[test]
fn headings_stand_below_the_pages_own_and_never_jump() {
    let html = html_of("### three\n# one\n###### six\n## two");
    let levels: Vec<_> = html.matches("<h").count().to_string().chars().chain(['.']).collect();
    assert_eq!(levels, ['4', '.']);
    for (at, heading) in ["<h3>three</h3>", "<h3>one</h3>", "<h4>six</h4>", "<h4>two</h4>"].iter().enumerate()
    {
        assert!(html.contains(heading), "{at}: {html}");
    }
}

#[test]
fn markup_is_shown_as_text() {
    assert_eq!(html_of("<b>x</b>"), "<p>&lt;b&gt;x&lt;/b&gt;</p>\n");
    let block = html_of("<script>alert(1)</script>\n\nafter");
    assert!(
        block.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && block.contains("<p>after</p>"),
        "{block}"
    );
}

#[test]
fn links_say_where_they_lead_and_pictures_are_links() {
    let link = html_of("[here](https://a.example/x)");
    assert_eq!(
        link,
        "<p><a href=\"https://a.example/x\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">here</a> \
         <span class=\"host\">(a.example)</span></p>\n"
    );
    let picture = html_of("![a cat](https://a.example/cat.png \"t\")");
    assert!(
        picture.contains(">a cat</a> <span class=\"host\">(a.example)") && !picture.contains("<img"),
        "{picture}"
    );
    let nested = html_of("[![a](https://b.example/i.png)](https://a.example)");
    assert!(nested.contains("href=\"https://a.example\"") && !nested.contains("b.example"), "{nested}");
    assert_eq!(html_of("[x](javascript:alert(1)) [y](/chat/new/)"), "<p>x y</p>\n");
    assert!(html_of("<https://a.example/>").contains("href=\"https://a.example/\""));
}

#[test]
fn code_has_colours_and_stays_what_it_is() {
    let html = html_of("```rust\nfn main() { let x = \"<b>\"; } // &\n```");
    assert!(html.starts_with("<pre tabindex=\"0\" data-lang=\"rust\"><code>"), "{html}");
    assert!(
        html.contains("<span class=\"k\">fn</span>") && html.contains("<span class=\"f\">main</span>"),
        "{html}"
    );
    let mut plain = html.clone();
    while let (Some(from), Some(to)) = (plain.find('<'), plain.find('>')) {
        plain.replace_range(from..=to, "");
    }
    assert_eq!(plain.trim_end(), "fn main() { let x = \"&lt;b&gt;\"; } // &amp;");
    assert_eq!(html_of("```\na < b\n```"), "<pre tabindex=\"0\"><code>a &lt; b\n</code></pre>\n");
    for language in ["ts", "python", "sh", "toml", "no-such-language", "\"><script>", "json", "yaml", "sql"] {
        let html = html_of(&format!("```{language}\nlet a = 1 <2>\n```"));
        assert!(html.contains("2&gt;") || html.contains("&gt;"), "{language}: {html}");
        assert!(!html.contains("<script"), "{language}: {html}");
    }
}

/// No text may keep the server busy. The limit is far above what any of these takes.
#[test]
fn hostile_lengths_and_depths_are_done_with_soon() {
    let deep = |open: &str| open.repeat(32_000 / open.len());
    let mut lines = String::new();
    for n in 0..2_000 {
        let _ = writeln!(lines, "let x{n} = \"{}\";", "\\\"".repeat(4));
    }
    for text in [
        deep(">"),
        deep("- "),
        deep("["),
        deep("!["),
        deep("*"),
        deep("`"),
        deep("<b>"),
        deep("a\n\n"),
        deep("|"),
        deep("# \n"),
        deep("&#0;"),
        deep("[a](b)"),
        deep("```rust\n"),
        format!("```rust\n{lines}```"),
        format!("```js\n{}\n```", "(".repeat(30_000)),
        format!("```html\n{}\n```", "<a ".repeat(10_000)),
    ] {
        let began = Instant::now();
        let html = html_of(&text);
        assert!(began.elapsed() < Duration::from_secs(20), "{:.20}: {:?}", text, began.elapsed());
        assert!(html.len() < 3_000_000, "{:.20}", text);
    }
}

#[test]
fn what_is_settled_does_not_change() {
    assert_eq!(settled(""), 0);
    assert_eq!(settled("one paragraph, growing"), 0);
    let text = "first\n\n- a\n- b\n\n```rust\nfn main() {}\n```\n\nlast **words";
    let at = settled(text);
    assert_eq!(&text[at..], "last **words");
    assert_eq!(&text[settled(&text[..at])..at], "```rust\nfn main() {}\n```\n\n");
    // An open fence is the last block, whatever stands in it.
    let open = "a\n\n```\nx\n\n# y\n";
    assert_eq!(&open[settled(open)..], "```\nx\n\n# y\n");
    let whole = html_of(text);
    assert_eq!(html_of(&text[..at]) + &html_of(&text[at..]), whole);
}
