"""Reading HTML mail: what its reader sees, and nothing of what he doesn't."""

from __future__ import annotations

import pytest

from mail.mime.plaintext import from_html
from mail.mime.reading import read


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='display:none'>x</div>",
        '<DIV STYLE="DISPLAY : NONE ;">x<p>x</p></DIV>',
        "<span style=display:none!important>x</span>",
        "<p style='visibility: hidden'>x</p>",
        "<p hidden>x</p>",
        "<p hidden='hidden'>x</p>",
        "<span style='font-size:0'>x</span>",
        "<span style='font-size: 0.0px; line-height:1px'>x</span>",
        "<span style='font-size:1px'>x</span>",
        "<span style='opacity:0'>x</span>",
        "<span style='mso-hide:all'>x</span>",
        "<div style='max-height:0px;overflow:hidden'>x</div>",
        "<div style='height:0;overflow:hidden'>x</div>",
        "<span style='font:0/0 a'>x</span>",
        "<span style='text-indent:-9999px'>x</span>",
        "<div style='position:absolute; left:-9999px'>x</div>",
        "<span style='color:transparent'>x</span>",
        "<span style='color:rgba(0, 0, 0, 0)'>x</span>",
        "<font color='#FFFFFF'>x</font>",
        "<span style='color:white'>x</span>",
        "<td bgcolor='#000000'><font color='#000000'>x</font></td>",
        "<style>.preheader{display:none}</style><div class='a preheader'>x</div>",
        "<style>/* c */ #teaser , p.b { color:red; display:none !important }</style><div id=teaser>x</div>",
        "<style>p{color:red}</style>",
        "<script>x</script>",
        "<title>x</title>",
        "<textarea>x</textarea>",
        "<!-- x -->",
        "<!--[if mso]><p>x</p><![endif]-->",
        "<!DOCTYPE x>",
        "<?xml x?>",
        "<img alt='x' src='cid:x'>",
        "<template>x</template>",
    ],
)
def test_what_is_hidden_is_dropped(hidden: str) -> None:
    assert from_html(f"2{hidden}です") in ("2です\n", "2\nです\n", "2\n\nです\n", "2 です\n")


@pytest.mark.parametrize(
    "seen",
    [
        "<div style='display:block'>x</div>",
        "<div style='color:red;font-size:10px;opacity:0.9'>x</div>",
        "<span style='font-size:0.9em'>x</span>",
        "<span style='font-size:10%'>x</span>",
        "<p style='text-indent:-10px'>x</p>",
        "<span style='color:rgba(0,0,0,0.9)'>x</span>",
        "<div style='left:-9999px'>x</div>",
        "<td bgcolor='#0066cc'><font color='white'>x</font></td>",
        "<td style='background:#06c url(a.png)'><span style='color:#fff'>x</span></td>",
        "<style>.button{background:blue}</style><a class='button' style='color:#ffffff'>x</a>",
        "<style>@media (max-width:600px){.wide{display:none}}</style><div class=wide>x</div>",
        "<style>.a .b{display:none}</style><div class=b>x</div>",
        "<div data-hidden='1' class='hidden-looking'>x</div>",
        "<![if !mso]><p>x</p><![endif]>",
        "<div style='max-height:0'>x</div>",
        "<o:p>x</o:p>",
        "<head><p>x",
    ],
)
def test_what_is_seen_stays(seen: str) -> None:
    assert "x" in from_html(f"2{seen}です")


def test_hidden_ends_where_its_element_ends() -> None:
    page = "<div style='display:none'>1<div>1</div>1<br>1</div>2<p hidden>1<p>3</p><b hidden>1</b>4"
    assert from_html(page).split() == ["2", "3", "4"]


def test_quotations_bear_marks_and_lines_stay_lines() -> None:
    page = "<div>2です<br>よろしく</div><div class=gmail_quote>X:<blockquote><p>a</p><blockquote>b</blockquote></blockquote></div>"
    assert from_html(page) == "2です\nよろしく\nX:\n> a\n> > b\n"


def test_a_picture_in_the_place_of_an_emoji_says_which() -> None:
    assert from_html("<p><img alt='3️⃣' src='https://x.example/e.png'>です<img alt='写真'></p>") == "3️⃣です\n"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a < b & c", "a < b & c\n"),
        ("a<b", "a<b\n"),
        ("1 &lt; 2 &amp;amp; &#x3042;&#12356;&nbsp;&copy", "1 < 2 &amp; あい ©\n"),
        ("&#0;&#xD800;&#x110000;2", "\ufffd\ufffd\ufffd2\n"),
        ("<table><tr><td>1<td>2<tr><td>3</table>", "1 2\n3\n"),
        ("<pre>1\n 2</pre>", "1\n 2\n"),
        ("<P>1<P>2</DIV>3", "1\n2\n3\n"),
        ("<a href='https://x.example'>2</a>", "2\n"),
        ("", ""),
    ],
)
def test_the_odds_and_ends_of_html(page: str, text: str) -> None:
    assert from_html(page) == text


@pytest.mark.parametrize("charset", ["cp932", "euc_jp", "utf-8"])
def test_a_page_may_name_its_charset_itself(charset: str) -> None:
    label = {"cp932": "Shift_JIS", "euc_jp": "euc-jp"}.get(charset, charset)
    page = f'<html><head><META http-equiv="Content-Type" content="text/html; charset={label}"></head>ｶﾅ2です'
    parsed = read(b"Content-Type: text/html\r\n\r\n" + page.encode(charset))
    assert (parsed.text, parsed.charset) == ("ｶﾅ2です\n", {"euc_jp": "euc-jp"}.get(charset, charset))
