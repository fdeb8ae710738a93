//! The formats that can be read, with the name and the reader of each.

use super::{
    Reader, Request, beir, folder, medical, medquad, natural, qasper, smart, squad, table, tatqa, wikipedia,
};
use serde::{Deserialize, Serialize};

/// A format of other people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Format {
    Documents,
    Table,
    BioAsq,
    NaturalQuestions,
    NqOpen,
    Qasper,
    PubMedQa,
    MedQuad,
    Squad,
    TatQa,
    Beir,
    Smart,
    Wikipedia,
}

impl Format {
    /// Every format with the name it has on the command line.
    pub const ALL: [(&'static str, Self); 13] = [
        ("documents", Self::Documents),
        ("table", Self::Table),
        ("bioasq", Self::BioAsq),
        ("natural-questions", Self::NaturalQuestions),
        ("nq-open", Self::NqOpen),
        ("qasper", Self::Qasper),
        ("pubmedqa", Self::PubMedQa),
        ("medquad", Self::MedQuad),
        ("squad", Self::Squad),
        ("tat-qa", Self::TatQa),
        ("beir", Self::Beir),
        ("smart", Self::Smart),
        ("wikipedia", Self::Wikipedia),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, f)| *f == self).map_or("documents", |(name, _)| name)
    }

    pub(super) fn reader(self, asked: &Request) -> Box<dyn Reader> {
        match self {
            Self::Documents => Box::new(folder::Documents { program: asked.program.clone() }),
            Self::Table => Box::new(table::Table(asked.mapping.clone())),
            Self::BioAsq => Box::new(medical::BioAsq),
            Self::NaturalQuestions => Box::new(natural::Simplified),
            Self::NqOpen => Box::new(natural::Open),
            Self::Qasper => Box::new(qasper::Qasper),
            Self::PubMedQa => Box::new(medical::PubMedQa),
            Self::MedQuad => Box::new(medquad::MedQuad),
            Self::Squad => Box::new(squad::Squad),
            Self::TatQa => Box::new(tatqa::TatQa),
            Self::Beir => Box::new(beir::Beir),
            Self::Smart => Box::new(smart::Smart),
            Self::Wikipedia => Box::new(wikipedia::Wikipedia),
        }
    }
}
