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
    "刪購買訂閱轉帳賬發佈權許註銷碼號戶綁銀關閉設證驗結費儲繳續開員訪問遠執講裝級擴載傳檔寫錄郵請邀體會導"
    "覽聯絡認確關機鎖螢幕區塊顯應廢紙簍資訊屆滿匯贈點擊單變幫復預約掛簽審駁報評論賣價競選舉撥話視頻電連線"
    "絕換離團隊組織夾備贊讚頭題類別製啟鍵數據庫釋實額還兌領獎獲貸簡歷學課試稅務險賠償遞運貨達協議棄丟壞毀"
    "滅蓋個張筆則將與並後這裡擇輸貼終斷頁篩尋詢語說訴讓見觀調醫療診藥處業網圖書館遊戲隨錢紅檢頂創產項標籤"
    "長門間無為從場聽當錯誤職條強軟驅動韌獻賞繼監護詳細規範圍邊銜隱賦給壓縮傷寶積優禮拋啓腦衝過進營",
    "删购买订阅转账账发布权许注销码号户绑银关闭设证验结费储缴续开员访问远执讲装级扩载传档写录邮请邀体会导"
    "览联络认确关机锁萤幕区块显应废纸篓资讯届满汇赠点击单变帮复预约挂签审驳报评论卖价竞选举拨话视频电连线"
    "绝换离团队组织夹备赞赞头题类别制启键数据库释实额还兑领奖获贷简历学课试税务险赔偿递运货达协议弃丢坏毁"
    "灭盖个张笔则将与并后这里择输贴终断页筛寻询语说诉让见观调医疗诊药处业网图书馆游戏随钱红检顶创产项标签"
    "长门间无为从场听当错误职条强软驱动韧献赏继监护详细规范围边衔隐赋给压缩伤宝积优礼抛启脑冲过进营",
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
