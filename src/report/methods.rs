//! What every method of a report is, and where it comes from.

/// A method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Method {
    /// What it gives.
    pub figure: &'static str,
    /// How.
    pub how: &'static str,
    /// Who described it.
    pub source: &'static str,
}

/// All methods, in the order of a report.
pub const METHODS: [Method; 13] = [
    Method {
        figure: "Mean rating, change against the baseline, share of equal pairs",
        how: "Whole questions are resampled with all their judgments (2,000 times unless said otherwise), since \
              judgments of one question are not independent; for a change, both contenders' ratings of a question are \
              drawn together. Ends are the expanded percentiles, as wide as Student's t. From fewer than six questions \
              no interval at 95 % made so can keep its promise, and it says so.",
        source: "Davison and Hinkley (1997), Bootstrap Methods and their Application, 3.8; Field and Welsh (2007), \
                 JRSS B 69; Hesterberg (2015), The American Statistician 69",
    },
    Method {
        figure: "Signed-rank p",
        how: "Wilcoxon's test of one difference a question, the mean over annotators; zeros by Pratt; exact up to 200 \
              differences that are not zero, ties included; two-sided.",
        source: "Wilcoxon (1945), Biometrics Bulletin 1; Pratt (1959), JASA 54",
    },
    Method {
        figure: "Sign p",
        how: "The exact two-sided sign test, one vote a question, ties left out.",
        source: "Dixon and Mood (1946), JASA 41",
    },
    Method {
        figure: "Holm",
        how: "p-values adjusted within the family that stands with them, so that the chance of one false finding or \
              more in it stays below the level. Intervals are not adjusted.",
        source: "Holm (1979), Scandinavian Journal of Statistics 6",
    },
    Method {
        figure: "At any time",
        how: "A confidence sequence of the questions' mean differences, in the order in which questions were first \
              judged: it may be looked at after every question, and judging stopped when one likes. It takes each \
              question as judged in full when it enters.",
        source: "Waudby-Smith and Ramdas (2024), JRSS B 86",
    },
    Method {
        figure: "More questions",
        how: "Questions to add until the interval of the change excludes zero, with a chance of 80 %, if the true change \
              is the present one; the interval is the middle half of 2,000 resamples. A guess to plan by.",
        source: "the usual power calculation for a mean, with questions as units",
    },
    Method {
        figure: "Wins, ties, losses, tags",
        how: "Shares with Wilson's interval at the effective number of judgments, since judgments of one question are \
              not independent. Both bad counts as a tie. With ties: a tie is half a win.",
        source: "Wilson (1927), JASA 22; Korn and Graubard (1998), Survey Methodology 24; Franco and others (2019), \
                 Journal of Survey Statistics and Methodology 7",
    },
    Method {
        figure: "Bradley-Terry score",
        how: "On the log scale, centred: a difference of 1 means odds of 2.7. Ties are half wins; a normal prior of \
              spread 3 keeps a contender that never lost finite; the variance is the larger of Fisher's and the \
              cluster-robust one.",
        source: "Bradley and Terry (1952), Biometrika 39",
    },
    Method {
        figure: "Krippendorff's alpha",
        how: "Ordinal for ratings, nominal for verdicts, over all annotators, with questions resampled. 1 is perfect \
              agreement, 0 what chance gives; he asks for 0.80, and for 0.667 where tentative conclusions \
              will do. While a study is blind its verdicts are told apart by side rather than by contender: then what \
              chance gives is another number, and alpha and kappa of verdicts may move a little when it is unblinded.",
        source: "Krippendorff (2011), Computing Krippendorff's Alpha-Reliability; Zapf and others (2016), BMC Medical \
                 Research Methodology 16",
    },
    Method {
        figure: "Cohen's kappa",
        how: "Of two annotators: quadratic weights for ratings, none for verdicts. Its interval takes items as independent.",
        source: "Cohen (1960), Educational and Psychological Measurement 20; Cohen (1968), Psychological Bulletin 70; \
                 Fleiss, Cohen and Everitt (1969), Psychological Bulletin 72",
    },
    Method {
        figure: "Left, same verdict",
        how: "The share of verdicts for the left among those for a side, with Wilson's interval and the exact binomial \
              test against one half; of items that came back with the sides swapped, the share that got the same \
              verdict. Items that came back count for nothing else.",
        source: "Wilson (1927), JASA 22",
    },
    Method {
        figure: "Words, cut off, tokens/s",
        how: "Of every answer that was generated, judged or not, once: the median over questions with the interval between \
              two order statistics. Tokens are each model's own; their number a second is counted from the first one on, \
              where the answer was made and with as many made at a time as were asked for. Reviewers are never told. \
              Judgments made elsewhere do not say.",
        source: "Conover (1999), Practical Nonparametric Statistics, 3.2",
    },
    Method {
        figure: "Pace",
        how: "The median time of an item without the time away, with the interval between two order statistics.",
        source: "Conover (1999), Practical Nonparametric Statistics, 3.2",
    },
];
