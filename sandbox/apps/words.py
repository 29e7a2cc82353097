"""The names and messages that seeds fill the applications with, each in English and Chinese."""

__all__ = ["CITIES", "COMPANIES", "DIALOGUES", "GROUPS", "PEOPLE", "PROGRAMS"]

Pair = tuple[str, str]
"""The English and the Chinese text."""

PEOPLE: tuple[Pair, ...] = (
    ("Alice Moreau", "陈晓燕"), ("Ben Carter", "李明轩"), ("Clara Jensen", "王思雨"),
    ("David Okoye", "张浩然"), ("Elena Petrova", "刘雅婷"), ("Felix Wagner", "赵子涵"),
    ("Grace Lin", "林佳怡"), ("Hugo Martins", "周俊杰"), ("Ines Navarro", "吴梦洁"),
    ("Jonas Weber", "徐志强"), ("Keiko Tanaka", "孙丽华"), ("Liam Murphy", "马文博"),
    ("Maya Patel", "朱雨桐"), ("Noah Fischer", "胡建国"), ("Olivia Brown", "郭静怡"),
    ("Paul Dubois", "何嘉伟"), ("Quinn Taylor", "高雪梅"), ("Rosa Conti", "罗天佑"),
    ("Samir Haddad", "梁诗涵"), ("Tessa de Vries", "宋宇航"), ("Umar Khan", "郑美玲"),
    ("Vera Novak", "谢晨曦"), ("Wendy Zhao", "韩冬梅"), ("Yusuf Demir", "唐国栋"),
)  # fmt: skip

GROUPS: tuple[Pair, ...] = (
    ("Hiking club", "周末徒步群"), ("Family", "相亲相爱一家人"), ("Design team", "设计小组"),
    ("Book circle", "读书会"), ("Flat 4B", "三单元邻居"), ("Release crew", "发布小队"),
    ("Football on Friday", "周五足球"), ("Class of 2014", "高三二班"),
)  # fmt: skip

DIALOGUES: tuple[tuple[Pair, ...], ...] = (
    (("Are we still on for lunch?", "中午还一起吃饭吗？"),
     ("Yes, half past twelve at the corner place.", "吃啊，十二点半老地方见。"),
     ("Perfect, see you there.", "好的，到时候见。")),
    (("I sent you the slides last night.", "昨晚把幻灯片发你了。"),
     ("Got them. Page four needs a better chart.", "收到了，第四页的图还得改改。"),
     ("I will redo it before the meeting.", "开会前我重新做一个。")),
    (("The train is twenty minutes late.", "火车晚点二十分钟。"),
     ("No problem, I will wait at the exit.", "没事，我在出站口等你。")),
    (("Did you see the match?", "昨晚的比赛看了吗？"),
     ("Only the second half. What a goal!", "只看了下半场，那个进球太精彩了！"),
     ("We should watch the next one together.", "下一场一起看吧。")),
    (("Can you water my plants next week?", "下周能帮我浇一下花吗？"),
     ("Of course. Leave the key with the neighbour.", "没问题，钥匙放邻居家就行。"),
     ("You are the best, thank you!", "太感谢你了！")),
    (("The printer is out of paper again.", "打印机又没纸了。"),
     ("There is a new box under the desk.", "桌子底下有一箱新的。")),
    (("How was the interview?", "面试怎么样？"),
     ("Better than I thought. They will call on Monday.", "比想象的顺利，周一给通知。"),
     ("Fingers crossed!", "祝你好运！")),
    (("I found your umbrella in the car.", "你的雨伞落我车上了。"),
     ("Oh good, I was looking for it everywhere.", "原来在那儿，我找了半天。")),
    (("Is the shop open on Sunday?", "那家店周日开门吗？"),
     ("From ten to four, I think.", "好像是十点到四点。"),
     ("Then let us go in the morning.", "那我们上午去吧。")),
    (("Please review my change when you have time.", "有空帮我看一下改动吧。"),
     ("Looks good, just one small remark.", "整体不错，就一个小建议。"),
     ("Fixed it, thanks for the quick look.", "已经改好了，谢谢。")),
    (("Happy birthday!", "生日快乐！"),
     ("Thank you! Cake is in the kitchen.", "谢谢！厨房里有蛋糕。")),
    (("Which book do we read next?", "下一本读什么？"),
     ("The one about the lighthouse keeper.", "就读灯塔守望者那本吧。"),
     ("I have just ordered it.", "我刚下单了。")),
    (("The parcel came while you were out.", "你不在的时候快递到了。"),
     ("Great, I will pick it up tonight.", "太好了，我今晚来拿。")),
    (("Do you have the address for Saturday?", "周六的地址有吗？"),
     ("Garden Street 12, second floor.", "花园路12号，二楼。"),
     ("See you at seven.", "七点见。")),
)  # fmt: skip

CITIES: tuple[Pair, ...] = (
    ("Amsterdam", "阿姆斯特丹"), ("Athens", "雅典"), ("Auckland", "奥克兰"), ("Bangkok", "曼谷"),
    ("Beijing", "北京"), ("Berlin", "柏林"), ("Bogota", "波哥大"), ("Brussels", "布鲁塞尔"),
    ("Cairo", "开罗"), ("Chicago", "芝加哥"), ("Copenhagen", "哥本哈根"), ("Dakar", "达喀尔"),
    ("Delhi", "德里"), ("Dubai", "迪拜"), ("Dublin", "都柏林"), ("Hanoi", "河内"),
    ("Helsinki", "赫尔辛基"), ("Hong Kong", "香港"), ("Istanbul", "伊斯坦布尔"), ("Jakarta", "雅加达"),
    ("Karachi", "卡拉奇"), ("Lagos", "拉各斯"), ("Lima", "利马"), ("Lisbon", "里斯本"),
    ("London", "伦敦"), ("Los Angeles", "洛杉矶"), ("Madrid", "马德里"), ("Manila", "马尼拉"),
    ("Melbourne", "墨尔本"), ("Mexico City", "墨西哥城"), ("Moscow", "莫斯科"), ("Nairobi", "内罗毕"),
    ("New York", "纽约"), ("Oslo", "奥斯陆"), ("Paris", "巴黎"), ("Prague", "布拉格"),
    ("Reykjavik", "雷克雅未克"), ("Rome", "罗马"), ("Santiago", "圣地亚哥"), ("Seoul", "首尔"),
    ("Shanghai", "上海"), ("Singapore", "新加坡"), ("Stockholm", "斯德哥尔摩"), ("Sydney", "悉尼"),
    ("Taipei", "台北"), ("Tokyo", "东京"), ("Toronto", "多伦多"), ("Vancouver", "温哥华"),
    ("Vienna", "维也纳"), ("Warsaw", "华沙"), ("Zurich", "苏黎世"),
)  # fmt: skip

PROGRAMS: tuple[Pair, ...] = (
    ("Calendar", "日历"), ("Camera", "相机"), ("Clock", "时钟"), ("Contacts", "通讯录"),
    ("Drawing", "画图"), ("Files", "文件"), ("Mail", "邮件"), ("Maps", "地图"), ("Music", "音乐"),
    ("News", "新闻"), ("Notes", "便签"), ("Photos", "照片"), ("Podcasts", "播客"),
    ("Recorder", "录音机"), ("Recipes", "菜谱"), ("Tasks", "待办事项"), ("Terminal", "终端"),
    ("Translator", "翻译"), ("Videos", "视频"), ("Weather", "天气"),
)  # fmt: skip

COMPANIES: tuple[Pair, ...] = (
    ("Northwind Library", "北风图书馆"), ("Harbour Clinic", "海港诊所"), ("Elm Street School", "榆树街小学"),
    ("Blue Kite Studio", "蓝风筝工作室"), ("Lantern Foods", "灯笼食品"), ("Granite Works", "磐石工程"),
)  # fmt: skip
