//! A page for people to read and print: one file of HTML, without scripts and
//! without anything from elsewhere. Every text that goes into it is untrusted: it
//! is made harmless here, and there is no way around that.

use crate::name::printable;

/// What the page looks like; it is the only markup that is not made below.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--quiet:#59636e;--line:#d1d9e0;--paper:#fff;--band:#f6f8fa;--alarm:#b3261e;--good:#1a7f37}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--quiet:#9198a1;--line:#3d444d;--paper:#0d1117;--band:#151b23;--alarm:#ff7b72;--good:#3fb950}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:2rem 1.25rem;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.25rem 0}\
.quiet{color:var(--quiet)}.verdict{margin:1rem 0;padding:.75rem 1rem;border-left:.3rem solid var(--good);background:var(--band);font-weight:600}.verdict.alarm{border-color:var(--alarm);color:var(--alarm)}\
dl{display:flex;flex-wrap:wrap;gap:.5rem;margin:1rem 0}dl div{flex:1 1 8rem;border:1px solid var(--line);border-radius:.4rem;padding:.5rem .75rem}dt{color:var(--quiet);font-size:.85rem}dd{margin:0;font-size:1.3rem;font-variant-numeric:tabular-nums}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}th{text-align:left;color:var(--quiet);font-weight:600;white-space:nowrap}th,td{padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}td.whole{white-space:nowrap}tr.alarm td:first-child{color:var(--alarm);font-weight:600}\
pre{overflow-x:auto;margin:.5rem 0;padding:.75rem 1rem;background:var(--band);border:1px solid var(--line);border-radius:.4rem;font:13px/1.5 ui-monospace,monospace}\
table.facts{width:auto}table.facts th{padding-right:1.5rem}\
@media print{body{max-width:none;padding:0;font-size:11px}dl div{break-inside:avoid}tr{break-inside:avoid}thead{display:table-header-group}h2{break-after:avoid}pre{white-space:pre-wrap;overflow-wrap:anywhere}.scroll{overflow:visible}td.whole{white-space:normal}}";

/// What a page with wide tables looks like besides.
const WIDE: &str = "\
@page{size:A4 landscape;margin:12mm}body{max-width:110rem}td{min-width:3rem}td:not(.whole){min-width:7rem}\
@media print{td,td:not(.whole){min-width:0}th{white-space:normal}th,td.whole{overflow-wrap:break-word}table{font-size:.68rem}th,td{padding-right:.4rem}}";

/// A page that is being written.
pub struct Page(String);

/// A row of a table: its cells, and whether somebody has to look at it.
pub struct Row {
    /// The cells.
    pub cells: Vec<String>,
    /// It stands out.
    pub alarm: bool,
}

/// A column: its head, and whether its cells stay on one line.
pub type Head = (&'static str, bool);

impl Page {
    /// Begins a page.
    pub fn new(title: &str) -> Self {
        Self::begin(title, "")
    }

    /// Begins one whose tables have many columns: to be printed on its side.
    pub fn wide(title: &str) -> Self {
        Self::begin(title, WIDE)
    }

    fn begin(title: &str, more: &str) -> Self {
        let title = text(title);
        Self(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}{more}</style>\n\
             </head>\n<body>\n<h1>{title}</h1>\n"
        ))
    }

    /// A remark.
    pub fn remark(&mut self, remark: &str) {
        self.0.push_str(&format!("<p class=\"quiet\">{}</p>\n", text(remark)));
    }

    /// What it all comes to.
    pub fn verdict(&mut self, verdict: &str, alarm: bool) {
        let class = if alarm { "verdict alarm" } else { "verdict" };
        self.0.push_str(&format!("<p class=\"{class}\">{}</p>\n", text(verdict)));
    }

    /// Numbers with what they count.
    pub fn counts(&mut self, counts: &[(&str, u64)]) {
        self.0.push_str("<dl>\n");
        for (what, count) in counts {
            self.0.push_str(&format!("<div><dt>{}</dt><dd>{count}</dd></div>\n", text(what)));
        }
        self.0.push_str("</dl>\n");
    }

    /// A headline.
    pub fn headline(&mut self, headline: &str) {
        self.0.push_str(&format!("<h2>{}</h2>\n", text(headline)));
    }

    /// Facts with what they are of, one a line.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        self.0.push_str("<table class=\"facts\"><tbody>\n");
        for (what, fact) in facts {
            self.0.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                text(what),
                text(fact)
            ));
        }
        self.0.push_str("</tbody></table>\n");
    }

    /// Lines as they are, to be copied.
    pub fn block(&mut self, lines: &str) {
        let lines: Vec<_> = lines.trim_end_matches('\n').split('\n').map(text).collect();
        self.0.push_str(&format!("<pre>{}</pre>\n", lines.join("\n")));
    }

    /// A table under a headline; nothing where it would be empty.
    pub fn table(&mut self, headline: &str, heads: &[Head], rows: impl IntoIterator<Item = Row>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return;
        }
        self.0.push_str(&format!("<h2>{}</h2>\n<div class=\"scroll\"><table>\n<thead><tr>", text(headline)));
        for (head, _) in heads {
            self.0.push_str(&format!("<th scope=\"col\">{}</th>", text(head)));
        }
        self.0.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.0.push_str(if row.alarm { "<tr class=\"alarm\">" } else { "<tr>" });
            for (cell, (_, whole)) in row.cells.iter().zip(heads) {
                let class = if *whole { " class=\"whole\"" } else { "" };
                self.0.push_str(&format!("<td{class}>{}</td>", text(cell)));
            }
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</tbody></table></div>\n");
    }

    /// The whole page.
    pub fn finish(mut self) -> String {
        self.0.push_str("</body>\n</html>\n");
        self.0
    }
}

/// A text as it stands between tags: no markup, nothing that hides or turns what
/// stands beside it.
fn text(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => harmless.push_str("&amp;"),
            '<' => harmless.push_str("&lt;"),
            '>' => harmless.push_str("&gt;"),
            '"' => harmless.push_str("&quot;"),
            '\'' => harmless.push_str("&#39;"),
            c => harmless.push(c),
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let bad = "<script>alert('1')</script>\"&\u{202e}x";
        let mut page = Page::new(bad);
        page.remark(bad);
        page.verdict(bad, true);
        page.counts(&[(bad, 1)]);
        page.table(bad, &[("head", true)], [Row { cells: vec![bad.to_owned()], alarm: true }]);
        page.headline(bad);
        page.facts(&[(bad, bad.to_owned())]);
        page.block(&format!("{bad}\n"));
        let page = page.finish();
        assert!(!page.contains("<script") && !page.contains('\u{202e}'), "{page}");
        let harmless = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;·x";
        assert_eq!(page.matches(harmless).count(), 11, "{page}");
    }

    #[test]
    fn a_page_asks_for_nothing_from_elsewhere() {
        let page = Page::new("title").finish();
        for bad in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "onload"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}
