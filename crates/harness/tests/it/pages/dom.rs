//! HTML as a browser reads it.

use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

/// An element with what is in it.
#[derive(Clone, Debug, Default)]
pub struct Dom {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Dom>,
    /// The text of a text node.
    own: String,
}

impl Dom {
    pub fn of(html: &str) -> Self {
        let dom = parse_document(RcDom::default(), ParseOpts::default()).one(html);
        let read = read(&dom.document);
        // The tree takes itself apart without help; deep ones would not.
        drop(dom);
        read
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All text in it.
    pub fn text(&self) -> String {
        self.children.iter().fold(self.own.clone(), |text, child| text + &child.text())
    }

    /// Every element in it, in the order of the document.
    pub fn elements(&self) -> Vec<Dom> {
        let mut found = Vec::new();
        for child in &self.children {
            if !child.name.is_empty() {
                found.push(child.clone());
            }
            found.extend(child.elements());
        }
        found
    }

    pub fn all(&self, name: &str) -> Vec<Dom> {
        self.elements().into_iter().filter(|element| element.name == name).collect()
    }

    pub fn first(&self, name: &str) -> Option<Dom> {
        self.all(name).into_iter().next()
    }

    pub fn with_class(&self, class: &str) -> Vec<Dom> {
        let has = |element: &Dom| {
            element.attribute("class").is_some_and(|classes| classes.split(' ').any(|one| one == class))
        };
        self.elements().into_iter().filter(has).collect()
    }

    pub fn by_id(&self, id: &str) -> Option<Dom> {
        self.elements().into_iter().find(|element| element.attribute("id") == Some(id))
    }
}

fn read(handle: &Handle) -> Dom {
    let mut dom = Dom::default();
    match &handle.data {
        NodeData::Element { name, attrs, .. } => {
            dom.name = name.local.to_string();
            let attributes = attrs.borrow();
            dom.attributes =
                attributes.iter().map(|one| (one.name.local.to_string(), one.value.to_string())).collect();
        }
        NodeData::Text { contents } => dom.own = contents.borrow().to_string(),
        _ => {}
    }
    dom.children = handle.children.borrow().iter().map(read).collect();
    dom
}
