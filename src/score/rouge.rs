//! ROUGE-L (Lin, ACL 2004 workshop "Text Summarization Branches Out"), as the Python package `rouge-score` computes
//! it for one text without stemming: the longest common subsequence of runs of ASCII letters and digits, F at β = 1.

use super::harmonic_mean;

/// The harmonic mean of the longest common subsequence's share of the answer and of the reference.
pub fn rouge_l(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (answer.to_lowercase(), reference.to_lowercase());
    let (answer, reference) = (tokens(&answer), tokens(&reference));
    harmonic_mean(longest_common(&answer, &reference), answer.len(), reference.len())
}

fn tokens(lower: &str) -> Vec<&str> {
    let other = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit());
    lower.split(other).filter(|t| !t.is_empty()).collect()
}

/// The length of the longest common subsequence, by the usual table, one row at a time.
fn longest_common(a: &[&str], b: &[&str]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (n, y) in b.iter().enumerate() {
            let above = row[n + 1];
            row[n + 1] = if x == y { diagonal + 1 } else { above.max(row[n]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_counts_and_gaps_do_not() {
        let (a, b) = (["police", "killed", "the", "gunman"], ["the", "gunman", "police", "killed"]);
        assert_eq!(longest_common(&a, &b), 2);
        assert_eq!(longest_common(&a, &["police", "ended", "the", "gunman"]), 3);
        assert_eq!(longest_common(&a, &[]), 0);
    }
}
