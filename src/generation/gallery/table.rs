//! The table above the tunes: a line a group, what became of all its tunes, and a link to each that is shown.

use super::{Group, Heading, Outcome, Shown};
use crate::figures::human;
use crate::figures::svg::escape;
use crate::generation::Rate;

pub(super) fn table(groups: &[Group], headings: &[Heading], shown: &[Shown], tones: &[String]) -> String {
    let prompts: String = headings
        .iter()
        .enumerate()
        .map(|(index, heading)| {
            let title = escape(&heading.title());
            format!("<th scope=\"col\"><a href=\"#prompt-{index}\" title=\"{title}\">{}</a></th>", index + 1)
        })
        .collect();
    let head = format!(
        "<thead><tr><th scope=\"col\" rowspan=\"2\">Written by</th><th scope=\"col\" rowspan=\"2\" class=\"size\">Parameters</th>\
         <th scope=\"col\" rowspan=\"2\" class=\"size\">Validation loss</th><th scope=\"colgroup\" colspan=\"{}\">Shown, by prompt</th>\
         <th scope=\"colgroup\" colspan=\"5\">All tunes</th></tr>\n<tr>{prompts}<th scope=\"col\">Success</th>\
         <th scope=\"col\">Near miss</th><th scope=\"col\">Miss</th><th scope=\"col\">Shares</th>\
         <th scope=\"col\">Success rate, 95 %</th></tr></thead>",
        headings.len()
    );
    let lines: String =
        groups.iter().enumerate().map(|(index, group)| line(index, group, headings.len(), shown, tones)).collect();
    format!("<table>{head}\n<tbody>\n{lines}</tbody></table>")
}

fn line(index: usize, group: &Group, n_prompts: usize, shown: &[Shown], tones: &[String]) -> String {
    let cells: String = (0..n_prompts)
        .map(|prompt| {
            let here = shown.iter().filter(|one| one.group == index && one.prompt == prompt);
            format!("<td class=\"marks\">{}</td>", here.map(mark).collect::<String>())
        })
        .collect();
    let counts = Outcome::ALL.map(|outcome| group.samples.iter().filter(|s| Outcome::of(s) == outcome).count());
    let counted: String = counts.iter().map(|count| format!("<td class=\"number\">{count}</td>")).collect();
    let n: usize = counts.iter().sum();
    let [n_successes, ..] = counts;
    let rate = Rate::new(n_successes, n);
    let tone = tones.get(index).map_or("", String::as_str);
    format!(
        "<tr><th scope=\"row\"><i class=\"tone\" style=\"background:{tone}\"></i>{}</th><td class=\"number size\">{}</td>\
         <td class=\"number size\">{}</td>{cells}{counted}<td>{}</td><td class=\"number\">{:.0} % <span class=\"doubt\">{:.0} to {:.0}</span></td></tr>\n",
        escape(&group.name),
        group.n_params.map(|n| human(n as f64)).unwrap_or_default(),
        group.val_loss.map(|loss| format!("{loss:.3}")).unwrap_or_default(),
        bar(counts, n),
        100.0 * rate.rate,
        100.0 * rate.low,
        100.0 * rate.high,
    )
}

fn mark(one: &Shown) -> String {
    let (name, sign, class) = Outcome::of(one.sample).words();
    let number = one.number;
    format!("<a class=\"mark {class}\" href=\"#tune-{number}\" title=\"{name}\" aria-label=\"{name}\">{sign}</a>")
}

/// The three shares as a bar; the counts stand beside it.
fn bar(counts: [usize; 3], n: usize) -> String {
    let part = |(outcome, count): (Outcome, usize)| {
        let share = 100.0 * count as f64 / n.max(1) as f64;
        format!("<i class=\"{}\" style=\"width:{share:.1}%\"></i>", outcome.words().2)
    };
    let parts: String = Outcome::ALL.into_iter().zip(counts).map(part).collect();
    format!("<span class=\"bar\" aria-hidden=\"true\">{parts}</span>")
}
