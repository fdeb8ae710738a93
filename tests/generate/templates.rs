//! Real chat templates.

use super::support::shared;
use juxta::prompt::{Message, Role, Template};
use std::collections::BTreeMap;

fn messages() -> Vec<Message> {
    let message = |role, content: &str| Message { role, content: content.to_owned() };
    vec![message(Role::System, "Be brief & <plain>."), message(Role::User, "Who \"wrote\" Faust?")]
}

#[test]
fn the_templates_of_many_models_render_both_messages_unescaped() {
    let Some(folder) = shared("gguf-vocabs/templates") else { return };
    let mut rendered = 0;
    for entry in std::fs::read_dir(folder).expect("lists") {
        let path = entry.expect("listed").path();
        if path.extension().is_none_or(|e| e != "jinja") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("reads");
        let specials = BTreeMap::from([
            ("bos_token".to_owned(), "<s>".to_owned()),
            ("eos_token".to_owned(), "</s>".to_owned()),
        ]);
        let place = path.display().to_string();
        let template = Template::new(&source, specials, &place).expect("is a template");
        if place.ends_with("fireworks-ai-llama-3-firefunction-v2.jinja") {
            // It wants `functions`, which transformers does not give it either: it is for calling them only.
            super::support::refused(template.render(&messages()), &[&place, "line 21", "undefined"]);
            continue;
        }
        let prompt = template.render(&messages()).unwrap_or_else(|e| panic!("{e}"));
        assert!(prompt.contains("Be brief & <plain>."), "{place}: {prompt}");
        assert!(prompt.contains("Who \"wrote\" Faust?"), "{place}: {prompt}");
        rendered += 1;
    }
    assert_eq!(rendered, 16);
}
