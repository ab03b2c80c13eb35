"""The page's own words in English and Chinese; a method brings its words with its declaration.

What stands on the page from the start is translated by the browser (`Texts`, `gr.I18n`); what is
said during a run is written in the language that the browser asks for (`language`, `say`).
"""

from __future__ import annotations

from typing import Literal

import gradio as gr
from gradio.i18n import I18nData

Language = Literal["en", "zh"]

WORDS: dict[str, tuple[str, str]] = {
    "tagline": (
        "Turn photographs into pictures in any style",
        "把照片变成任意风格的画",
    ),
    "examples": ("Try one of these", "试试这些示例"),
    "run": ("Run", "开始"),
    "stop": ("Stop", "停止"),
    "advanced": ("Advanced", "高级设置"),
    "result": ("Result", "结果"),
    "compare": ("Before and after", "前后对比"),
    "losses": ("Losses", "损失曲线"),
    "download": ("Download", "下载"),
    "as_style": ("Use as style in", "用作风格图："),
    "gone": (
        "This result is no longer kept: files are deleted after an hour. Run again.",
        "结果已不再保存：文件一小时后会被删除。请重新运行。",
    ),
    "pictures": ("{n} pictures", "{n} 张图片"),
    "signed": ("Recipe in the file", "文件内含配方"),
    "signed_help": (
        "The file then holds all settings, so that the same picture can be made again.",
        "文件中会保存全部设置，以便再次得到同一张图。",
    ),
    "recipe": ("Recipe", "配方"),
    "reload": ("Settings from a picture", "从图片恢复设置"),
    "reload_help": (
        "Drop a file made here, or a recipe as JSON: every control is set as it was.",
        "拖入本页生成的文件或 JSON 配方，所有控件恢复为当时的设置。",
    ),
    "another": ("One more (optional)", "再加一张（可选）"),
    "own_weights": ("Those of the method", "方法自带"),
    "broken": ("This plug-in cannot be used", "此插件无法使用"),
    "paper": ("Paper", "论文"),
    "idle_free": ("Press Run.", "点击“开始”。"),
    "idle": ("Choose pictures, then press Run.", "选择图片，然后点击“开始”。"),
    "starting": ("Starting …", "正在启动……"),
    "stopping": ("Stopping …", "正在停止……"),
    "stopped": (
        "Stopped at step {step}. The picture so far is kept.",
        "已在第 {step} 步停止，当前结果已保留。",
    ),
    "stopped_early": ("Stopped before the first picture.", "在出图之前已停止。"),
    "done": ("Done in {time}", "完成，用时 {time}"),
    "step": ("Step {step} of {steps}", "第 {step} / {steps} 步"),
    "step_open": ("Step {step}", "第 {step} 步"),
    "left": ("{time} left", "还需 {time}"),
    "seconds": ("{n} s", "{n} 秒"),
    "minutes": ("{m} min {n} s", "{m} 分 {n} 秒"),
    "plan": ("About {time}", "预计 {time}"),
    "plan_size": ("{width} × {height} px", "{width} × {height} 像素"),
    "plan_memory": ("{memory} more memory", "另需内存 {memory}"),
    "plan_unknown": (
        "The time is known after the first run on this machine",
        "首次运行后即可预估时间",
    ),
    "plan_guess": ("A guess: no such run was timed here yet", "粗略估计：本机尚未测过此类运行"),
    "plan_runs": ("By earlier runs here ({n})", "根据本机以往的运行（{n} 次）"),
    "plan_short": (
        "Not enough free memory: {size} px will be tried instead",
        "可用内存不足：将改用 {size} 像素",
    ),
    "plan_never": (
        "Not enough free memory, and a smaller size would not help: close other programs",
        "可用内存不足，减小尺寸也无济于事：请关闭其他程序",
    ),
    "by": ("{backend} on {provider}", "{backend}，{provider}"),
    "peak": ("peak {memory}", "峰值内存 {memory}"),
    "failed": ("That did not work", "未能完成"),
    "missing": ("A picture is missing here.", "这里缺少图片。"),
    "unforeseen": (
        "Something failed that should not have: {error}. Your pictures and settings are kept; "
        "try again.",
        "发生意外错误：{error}。图片和设置均已保留，请重试。",
    ),
    "restored": (
        "Settings restored. Add the same pictures to get the same result.",
        "设置已恢复。放入相同的图片即可得到相同结果。",
    ),
    "no_recipe": (
        "This file holds no recipe. Expected a file made here, or a recipe as JSON.",
        "文件中没有配方，请使用本页生成的文件或 JSON 配方。",
    ),
    "other_method": (
        "This recipe is for {title}: open that tab and drop it there.",
        "此配方属于“{title}”，请在该标签页中使用。",
    ),
    "train": ("Train", "训练"),
    "train_summary": (
        "Train a net on your own pictures: choose them, say how long, press Start. You may close "
        "this window meanwhile; the training goes on, and shows again when you come back.",
        "用自己的图片训练网络：选择图片，设定时长，点击“开始训练”。"
        "期间可以关闭窗口，训练会继续；回来时会再次显示。",
    ),
    "train_cpu": (
        "This machine trains on {n} processor cores, a step in about a second: an hour shows what "
        "becomes of it, good weights take a night. With a graphics card an hour is plenty.",
        "本机用 {n} 个处理器核心训练，每步约一秒：一小时可见雏形，好的权重需要一夜。"
        "若有显卡，一小时已相当充足。",
    ),
    "train_card": (
        "This machine trains on a graphics card ({name}): minutes show what becomes of it, good "
        "weights take about an hour.",
        "本机用显卡（{name}）训练：几分钟可见雏形，好的权重约需一小时。",
    ),
    "train_task": ("What to train", "训练什么"),
    "train_pictures": (
        "Pictures to learn from: photographs, some hundreds or more",
        "用于学习的图片：照片，最好数百张以上",
    ),
    "train_styles": (
        "Styles: paintings or patterns, the more the better",
        "风格：绘画或图案，越多越好",
    ),
    "train_start": ("Start", "开始训练"),
    "train_idle": (
        "Nothing is being trained yet.",
        "尚未开始训练。",
    ),
    "train_preparing": ("Reading pictures, preparing …", "正在读取图片并准备……"),
    "train_stopping": (
        "Stopping after this step, and keeping the weights …",
        "完成这一步后停止并保存权重……",
    ),
    "train_finishing": (
        "Judging, and writing what was learned …",
        "正在评估并写入训练结果……",
    ),
    "train_pace": ("{time} a step", "每步 {time}"),
    "train_sample": (
        "Samples, made of pictures it has not learned from",
        "样张（未参与学习的图片）",
    ),
    "train_curve": ("Losses while training", "训练损失"),
    "train_scores": (
        "On pictures held out; the first decides, less is better",
        "在留出图片上的得分；首项决定优劣，越低越好",
    ),
    "train_done": (
        "Done: {step} steps in {time}, best at step {best}.",
        "完成：{step} 步，用时 {time}，第 {best} 步最佳。",
    ),
    "train_stopped": (
        "Stopped after {step} steps and {time}. The weights are kept, best at step {best}.",
        "已停止：{step} 步，用时 {time}。权重已保存，第 {best} 步最佳。",
    ),
    "train_stopped_early": (
        "Stopped before the first step; nothing was trained.",
        "在第一步之前已停止，没有训练结果。",
    ),
    "train_kept": (
        "Kept on this machine as {name}. To use it, choose it in the method's tab: Advanced, "
        "Weights.",
        "已保存在本机：{name}。使用方法：在对应方法的标签页中，于“高级设置”的“权重”里选择它。",
    ),
    "train_more": ("… and {n} more", "……另有 {n} 条"),
    "train_download": ("Download all as ZIP", "下载全部（ZIP）"),
    "train_busy": (
        "A training is going on already: stop it, or wait for its end. Load this page again to "
        "see it.",
        "已有训练正在进行：请停止它或等待结束。重新载入本页即可查看。",
    ),
    "train_no_pictures": (
        "Pictures to learn from are missing: add some first.",
        "缺少用于学习的图片，请先添加。",
    ),
    "train_no_styles": (
        "Styles are missing: this learns from paintings or patterns as well, add some first.",
        "缺少风格图片：此任务还需要绘画或图案，请先添加。",
    ),
    "train_many": (
        "{n} files came, at most {most} are taken here. For more, use styleplug train.",
        "收到 {n} 个文件，此处最多 {most} 个；更多请使用 styleplug train 命令。",
    ),
    "train_large": (
        "The files take {size} GB, at most {most} GB are taken here. For more, use styleplug "
        "train.",
        "文件共 {size} GB，此处最多 {most} GB；更多请使用 styleplug train 命令。",
    ),
    "train_gone": (
        "{name} is no longer here: uploads are deleted after an hour. Add the pictures again.",
        "{name} 已不在：上传的文件一小时后会被删除，请重新添加图片。",
    ),
    "train_broken": ("This cannot be trained here", "此处无法训练"),
}


ERRORS_ZH = {  # by class of `core.errors`, of which the first that fits counts
    "BadImage": "图片无法使用",
    "BadParameter": "参数有误",
    "BadRecipe": "配方无法使用",
    "UsageError": "输入有误",
    "HubUnavailable": "无法访问 Hugging Face Hub",
    "WeightError": "权重文件有问题",
    "BackendError": "计算后端出错",
    "OutOfMemory": "内存不足",
    "OutputError": "无法写入结果",
    "MethodError": "方法出错",
    "StyleplugError": "未能完成",
}


class Texts:
    """Collects the standing texts of a page in both languages."""

    def __init__(self) -> None:
        self._table = dict(WORDS)

    def own(self, key: str) -> str:
        """The marker of one of `WORDS`; the browser puts the text in its place."""
        assert key in WORDS, key
        return str(I18nData(key))

    def add(self, key: str, english: str, chinese: str) -> str:
        """The marker of a text from a declaration, kept under `key`."""
        self._table[key] = (english, chinese)
        return str(I18nData(key))

    def table(self) -> gr.I18n:
        """All texts collected so far, for `launch(i18n=…)`."""
        return gr.I18n(
            en={key: english for key, (english, _) in self._table.items()},
            zh={key: chinese for key, (_, chinese) in self._table.items()},
        )


def language(request: gr.Request | None) -> Language:
    """The language a browser asks for: Chinese where it comes first, else English."""
    headers = getattr(request, "headers", None) or {}
    asked = str(headers.get("accept-language", "")).strip().lower()
    return "zh" if asked.startswith("zh") else "en"


def say(key: str, to: Language, **values: object) -> str:
    """One of `WORDS` with its placeholders filled."""
    return WORDS[key][to == "zh"].format(**values)


def duration(seconds: float, to: Language) -> str:
    """A time as "3.4 s", "41 s" or "2 min 5 s"."""
    if seconds < 9.95:
        return say("seconds", to, n=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 90:
        return say("seconds", to, n=whole)
    return say("minutes", to, m=whole // 60, n=whole % 60)


def memory(megabytes: float) -> str:
    """An amount as "640 MB" or "1.9 GB"."""
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 995 else f"{megabytes:.0f} MB"
