//! A report from a study's folder.

use super::{About, Progress, Report};
use crate::fault::{Fault, Result};
use crate::study::Study;
use crate::text::counted;

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
        let mut problems = status.problems;
        let report = if let Some(seen) = study.unblinded_at()? {
            let rated = study.rated()?;
            let (answers, faults) = study.answered()?;
            problems.extend(faults);
            let mut report = Self::unblinded(&about, progress, &rated).with_answers(&answers);
            let late = rated.iter().filter(|r| r.at.is_some_and(|at| at > seen)).count();
            if late > 0 {
                report.remarks.push(format!(
                    "{} made or amended after the blinding was taken off ({}), and counted like the others.",
                    counted(late, "judgment"),
                    seen.strftime("%Y-%m-%d %H:%M UTC")
                ));
            }
            report
        } else {
            let (reviews, _) = study.reviews()?;
            let place = |id: &str| study.item(id).ok().map(|item| (item.corpus, item.question_id));
            Self::blind(&about, progress, &reviews, place)
        };
        Ok((report, problems))
    }
}
