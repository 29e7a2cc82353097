"""The words that announce a consequence, in English and Chinese. Data alone: `lexicon.py` reads it.

A phrase counts wherever it stands in a short label. What is marked with "=" counts only as the whole
label, because inside others it means something else ("post" in "post office").
"""

from typing import Final, Literal

__all__ = [
    "BARE",
    "CHINESE",
    "CHINESE_NOUN_ENDS",
    "CHINESE_UNDOING",
    "CONSEQUENCES",
    "ENGLISH",
    "ENGLISH_NOUN_ENDS",
    "ENGLISH_OBJECTS",
    "ENGLISH_ONLY_VERBS",
    "ENGLISH_UNDOING",
    "LEADS",
    "NAMING_A_WIDGET",
    "REFUSING",
    "TASK_VERBS",
    "TELLING",
    "WRITING",
    "Consequence",
]

Consequence = Literal["pay", "grant", "account", "delete", "publish", "send", "install"]

CONSEQUENCES: Final[tuple[Consequence, ...]] = (
    "pay",
    "grant",
    "account",
    "delete",
    "publish",
    "send",
    "install",
)

ENGLISH: Final[dict[Consequence, tuple[str, ...]]] = {
    "pay": (
        "pay", "payment", "buy", "purchase", "place order", "place your order", "place the order", "=order",
        "order now", "submit order", "confirm order", "complete order", "=checkout", "proceed to checkout",
        "go to checkout", "check out now", "subscribe", "donate", "transfer money", "transfer funds",
        "=transfer", "send money", "make transfer", "confirm transfer", "top up", "place bid", "withdraw",
        "withdraw funds", "start trial", "start free trial", "upgrade plan", "renew", "=tip",
        "book and pay", "go premium", "go pro", "go plus", "=rent now",
    ),
    "grant": (
        "authorize", "authorise", "grant", "grant access", "=allow", "allow access", "allow once",
        "allow all", "allow this", "always allow", "allow while", "allow anyway", "give access",
        "give permission", "=trust", "trust this", "share screen", "share your screen", "share access",
        "run anyway", "open anyway", "make admin", "make administrator", "add collaborator",
        "add administrator", "remote control",
    ),
    "account": (
        "change password", "change your password", "change the password", "reset password",
        "reset your password", "update password", "set password", "delete account", "delete my account",
        "delete your account", "close account", "close my account", "deactivate account", "create account",
        "sign up", "change email", "change e-mail", "update email", "change username",
         "change phone number",
        "enable two-factor", "disable two-factor", "turn off two-factor", "turn off 2fa", "disable 2fa",
        "sign out everywhere", "sign out of all", "log out of all", "log out everywhere",
        "add payment method", "remove payment method", "add card", "link account", "unlink account",
        "connect account", "create new account", "transfer ownership",
         "revoke", "save password", "reset api key",
        "regenerate key", "generate token",
    ),
    "delete": (
        "delete", "remove", "erase", "discard", "empty trash", "empty the trash", "empty bin",
        "empty recycle bin", "move to trash", "move to bin", "move to the bin", "=trash", "wipe", "=format",
        "format disk", "format drive", "format volume", "uninstall", "clear all", "clear history",
        "clear data", "clear chat", "clear chat history", "trash can", "clear browsing data", "reset all",
        "reset everything", "factory reset",
        "delete permanently", "permanently", "overwrite", "purge", "shred", "don't save", "do not save",
        "close without saving", "replace file", "replace files", "unfriend", "leave group", "drop table",
    ),
    "publish": (
        "publish", "=post", "post now", "post comment", "post reply", "post it", "post this",
        "post to", "tweet", "go live", "start streaming", "broadcast", "upload", "deploy", "=release",
        "make public", "merge pull request", "confirm merge", "=push", "=comment", "=repost", "retweet",
    ),
    "send": (
        "send", "submit", "=share", "share with", "share to", "=invite", "invite people", "invite friends",
        "send invite", "send invitation",
        "resend", "=send again", "=video call", "=voice call", "=start huddle", "start call", "call now",
         "=call", "=dial", "=forward message", "reply and close",
    ),
    "install": (
        "install", "update now", "upgrade now", "=upgrade", "run installer", "add extension",
        "add to chrome", "add to firefox", "enable extension", "restart and update",
        "update and restart", "reinstall",
    ),
}  # fmt: skip

CHINESE: Final[dict[Consequence, tuple[str, ...]]] = {
    "pay": (
        "支付", "付款", "付费", "购买", "买单", "结算", "结账", "下单", "提交订单", "确认订单", "充值",
        "转账",
        "打赏", "捐款", "捐赠", "缴费", "续费", "开通会员", "还款", "汇款", "付定金", "付尾款", "代付",
         "交费", "塞钱", "抢购", "购票",
        "买票", "订票", "赎回", "申购", "认购", "=订阅", "立即订阅", "提现", "出价", "发红包",
    ),
    "grant": (
        "授权", "=允许", "允许访问", "始终允许", "允许一次", "仅在使用时允许", "=信任", "信任此", "授予",
        "准许",
        "设为管理员", "共享屏幕", "仍要运行", "仍然运行", "远程控制",
    ),
    "account": (
        "修改密码", "更改密码", "变更密码", "重置密码", "设置密码", "注销", "删除账号", "删除账户",
        "停用账号", "绑定手机", "解绑", "更换手机", "修改手机号", "更改邮箱", "修改邮箱", "关闭两步验证",
        "开启两步验证", "注册账号",
        "=注册", "立即注册", "实名认证", "绑定银行卡", "添加银行卡", "退出所有设备", "转让所有权",
         "保存密码",
        "撤销授权", "挂失", "销户",
    ),
    "delete": (
        "删除", "删掉", "移除", "清空", "清除", "抹掉", "擦除", "格式化", "丢弃", "卸载", "移到废纸篓",
        "移到回收站", "移至回收站", "恢复出厂", "恢复出厂设置", "垃圾桶", "不保存", "粉碎", "销毁", "覆盖",
        "解散", "退出群聊", "拉黑", "=撤回", "退票", "=回收站", "=废纸篓",
    ),
    "publish": (
        "发布", "发表", "发帖", "发微博", "发朋友圈", "发动态", "设为公开", "=公开", "上传", "部署", "开播",
        "开始直播", "=评论", "转推", "=推送", "合并请求",
    ),
    "send": (
        "发送", "传送", "提交", "发出", "发给", "寄出", "群发", "=发", "发邮件", "发消息", "拨打", "呼叫",
        "=分享", "分享到", "分享给", "=转发", "转发给", "邀请好友", "=邀请",
    ),
    "install": (
        "安装", "立即更新", "立即升级", "=升级", "添加扩展", "重启并更新", "更新并重启",
    ),
}  # fmt: skip

ENGLISH_UNDOING: Final = (
    "don't", "do not", "dont", "never", "not", "no", "without", "undo", "cancel", "stop", "avoid", "skip",
)  # fmt: skip
"""Before a phrase they turn it round."""

CHINESE_UNDOING: Final = (
    "不",
    "勿",
    "别",
    "未",
    "取消",
    "撤销",
    "撤回",
    "已",
    "停止",
    "禁止",
    "拒绝",
    "无需",
    "永",
)

ENGLISH_OBJECTS: Final = (
    "history", "log", "logs", "folder", "list", "report", "crew", "team", "notes", "address", "details",
    "information", "info", "summary",
)  # fmt: skip
"""After what is only a verb they are what it is done to: "delete notes". After others they make a noun."""

ENGLISH_ONLY_VERBS: Final = (
    "delete", "remove", "erase", "discard", "wipe", "purge", "shred", "send", "submit", "upload", "publish",
)  # fmt: skip

ENGLISH_NOUN_ENDS: Final = (
    *ENGLISH_OBJECTS, "date", "time", "status", "guide", "instructions", "office", "failed", "pending",
    "received", "formatting", "filter", "filters", "bookmark", "highlight", "from favorites",
    "from favourites", "from view", "button color", "settings", "options", "preferences", "due", "terms",
    "deadline", "rate", "key",
)  # fmt: skip
"""After a phrase they make a noun of it: "payment history" pays nothing."""

CHINESE_NOUN_ENDS: Final = (
    "小队", "小组", "群组", "者", "人", "记录", "历史", "时间", "日期", "状态", "列表", "方式", "说明",
    "指南", "日志", "教程", "失败", "成功", "中", "了", "箱", "宝", "通知", "设置", "选项", "期限", "协议",
    "位置", "目录", "路径", "方", "的", "过",
)  # fmt: skip

NAMING_A_WIDGET: Final = (
    "the", "a", "an", "this", "my", "your", "button", "link", "icon", "menu item", "item", "menu entry",
    "option", "tab", "label", "checkbox", "按钮", "图标", "选项", "菜单项", "链接", "这个", "该",
)  # fmt: skip
"""What a model adds to a label to say what kind of thing it is."""

BARE: Final = frozenset({
    "yes", "ok", "okay", "confirm", "continue", "proceed", "apply", "accept", "agree", "i agree",
    "yes, continue",
    "是", "好", "好的", "确定", "确认", "继续", "同意", "接受", "我同意", "是的",
})  # fmt: skip
"""Buttons that say only that one agrees: to what, the window's title says."""

REFUSING: Final = frozenset({
    "cancel", "close", "back", "go back", "no", "no thanks", "not now", "maybe later", "later", "dismiss",
    "skip",
    "ignore", "keep", "decline", "deny", "reject", "never", "stay", "abort", "stop", "undo", "exit", "quit",
    "don't", "do not", "help", "search", "learn more", "more information", "settings", "minimize",
     "minimise",
    "取消", "关闭", "返回", "否", "不", "稍后", "以后", "跳过", "忽略", "保留", "拒绝", "暂不", "放弃",
    "停止", "撤销", "退出", "帮助", "搜索", "了解更多", "设置", "最小化",
})  # fmt: skip
"""What a button begins with that leaves things as they are, or leads elsewhere."""

LEADS: Final = (
    "i will", "i'll", "i need to", "i want to", "i should", "we need to", "let me", "let's", "please",
     "now",
    "next", "then", "finally", "and", "so", "to", "click on", "click", "press", "tap", "choose", "select",
    "hit",
    "use", "confirm", "the", "that i want to", "点击", "单击", "按下", "按", "请", "现在", "然后", "接着",
    "最后",
    "并", "再", "我要", "我需要", "需要", "确认", "选择", "来", "以", "就",
)  # fmt: skip
"""What may stand before the verb of a sentence that says what is done now."""

WRITING: Final = (
    "send", "write", "type", "reply", "answer", "enter", "put", "say", "tell", "text", "message", "note",
    "notes", "post", "search", "发送", "写", "输入", "回复", "填", "备注", "替换", "说", "告诉", "搜索",
    "消息",
)  # fmt: skip
"""In a task: what follows them and a colon is text to be written, not what is to be done."""

TASK_VERBS: Final[dict[Consequence, tuple[str, ...]]] = {
    "send": (
        "reply", "answer", "message", "text", "tell", "email", "e-mail", "mail", "forward", "call",
         "invite",
        "share", "回复", "告诉", "转发", "分享", "邀请",
    ),
    "publish": ("post", "comment", "share", "release", "push", "分享", "评论", "推送"),
    "delete": ("empty", "clear", "trash", "format", "reset"),
    "install": ("update", "upgrade", "更新", "升级"),
}  # fmt: skip
"""What a person's task begins with when it asks for that; as part of a label it would say nothing."""

TELLING: Final = (
    "tell", "say", "reply", "answer", "text", "write", "message", "type", "note", "告诉", "回复", "写",
    "说", "输入",
)  # fmt: skip
"""What follows them in a task is told to somebody."""
