"""Bring texts to the plain form that they are compared in: without lookalikes, gaps and what isn't seen.

A page may write "P а y" with a Cyrillic letter and spaces, and a person reads "Pay". What comes out here is
for a search of words alone; it is never typed or shown.
"""

import re
import unicodedata
from typing import Final

__all__ = ["undisguised"]

_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
_ALIKE: Final = str.maketrans(
    "аеорсухіјѕһԁԛԝвкмнтгпуɑɡοαεικνρτυχγηωᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢıł",
    "aeopcyxijshdqwbkmhtrnyagoaeikvptuxynwabcdefghijklmnoprstuvwyzil",
)
"""Cyrillic and Greek letters, and small capitals, that look like Latin ones."""
_ALIKE_CAPITALS: Final = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХІЈЅ", "ABEZHIKMNOPTYXABEKMHOPCTYXIJS")
"""Before capitals are made small: a small Greek beta isn't like a B."""
_SIMPLIFIED: Final = str.maketrans(
    "刪購買訂閱轉帳賬發佈權許註銷碼號戶綁銀關閉設證驗結費儲繳續開員訪問遠執講裝級擴載傳檔寫錄郵請邀體會導覽聯絡"
    "認確關機鎖螢幕區塊顯應廢紙簍資訊屆滿匯贈點擊單變",
    "删购买订阅转账账发布权许注销码号户绑银关闭设证验结费储缴续开员访问远执讲装级扩载传档写录邮请邀体会导览联络"
    "认确关机锁萤幕区块显应废纸篓资讯届满汇赠点击单变",
)
"""Traditional Chinese characters of the words in chinese.toml, simplified."""
_DIGITS: Final = str.maketrans("013457@", "oleasta")
_MIXED: Final = re.compile(r"(?<!\w)[a-z]+[013457@][a-z0-9@]*[a-z](?!\w)")
"""Words of letters with digits among them; amounts of money and years aren't."""
_GAP: Final = r"[ \t._\-*·|/~]{1,2}"
_APART: Final = re.compile(rf"(?<!\w)[a-z](?:{_GAP}[a-z](?!\w)){{2,}}")
_APART_HAN: Final = re.compile(rf"(?<!\w)[\u3400-\u9fff](?:{_GAP}[\u3400-\u9fff](?!\w)){{1,}}")
_NO_LETTER: Final = re.compile(_GAP)


def undisguised(text: str) -> str:
    """Return a text in plain form: small letters, without accents, lookalikes, gaps and what isn't seen."""
    bare = unicodedata.normalize("NFKD", _UNSEEN.sub("", text)).translate(_ALIKE_CAPITALS).casefold()
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    bare = bare.translate(_ALIKE).translate(_SIMPLIFIED).replace("\u2019", "'").replace("\u2018", "'")
    return _together(_MIXED.sub(lambda found: found[0].translate(_DIGITS), bare))


def _together(text: str) -> str:
    """Join single letters that are set apart: "p a y", "s.e.n.d"; whole words stay apart."""
    for apart in (_APART, _APART_HAN):
        text = apart.sub(lambda found: _NO_LETTER.sub("", found[0]), text)
    return text
