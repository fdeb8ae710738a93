//! The fields of an index.

use tantivy::schema::{
    Field, IndexRecordOption, NumericOptions, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

/// The tokenizer all text fields share; registered under this name with the corpus's language.
pub(super) const TOKENIZER: &str = "juxta";

/// Raised with every change of the schema or of how text is cut, so that old indices are built again.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    pub document: Field,
    pub title: Field,
    pub section: Field,
    pub text: Field,
    pub number: Field,
    pub start: Field,
    pub end: Field,
}

pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let indexing =
        TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(IndexRecordOption::WithFreqs);
    let text = TextOptions::default().set_indexing_options(indexing).set_stored();
    let number = NumericOptions::default().set_stored();
    let fields = Fields {
        document: builder.add_text_field("document", STRING | STORED),
        title: builder.add_text_field("title", text.clone()),
        section: builder.add_text_field("section", text.clone()),
        text: builder.add_text_field("text", text),
        number: builder.add_u64_field("number", number.clone()),
        start: builder.add_u64_field("start", number.clone()),
        end: builder.add_u64_field("end", number),
    };
    (builder.build(), fields)
}
