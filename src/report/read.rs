//! A report from a study's folder.

use super::{About, Progress, Report};
use crate::fault::{Fault, Result};
use crate::study::Study;

impl Report {
    /// The report of a study: whole where its blinding is off, else without any figure by contender. Beside it, what a
    /// person should look at: records that cannot be read.
    ///
    /// # Errors
    /// A [`Fault`] if the study has no answers yet, or what is needed cannot be read.
    pub fn of(study: &Study) -> Result<(Self, Vec<Fault>)> {
        study.frozen()?;
        let about = About::of(study.plan(), study.rubric());
        let status = study.status()?;
        let progress: Vec<Progress> = status
            .reviewers
            .iter()
            .map(|r| Progress {
                annotator: match (&r.annotator, &r.place) {
                    (Some(name), _) => name.clone(),
                    (None, place) => format!("{} (free)", place.as_deref().unwrap_or_default()),
                },
                done: r.tally.done,
                total: r.tally.total,
                skipped: r.tally.skipped,
                flagged: r.tally.flagged,
            })
            .collect();
        let report = if status.unblinded {
            Self::unblinded(&about, progress, &study.rated()?)
        } else {
            let (reviews, _) = study.reviews()?;
            let place = |id: &str| study.item(id).ok().map(|item| (item.corpus, item.question_id));
            Self::blind(&about, progress, &reviews, place)
        };
        Ok((report, status.problems))
    }
}
