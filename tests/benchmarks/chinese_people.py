"""A seeded world of Chinese customers' records whose persons are known.

Households of one to four share an address, half of those with a child also one family name; one in
five members gives the phone of another. Family names follow their real skew, given names are drawn
from 60 characters, so that many people share a name. One in twenty numbers was another person's
before. Each person has 1 to 6 records from four channels: names in characters, pinyin in either
order, masked (张**) or by title; phones whole, with country code, masked (138****1234) or missing;
e-mail on some; addresses with or without province, with other words for building and room, or with
the room missing.
"""

import numpy as np
import pandas as pd
from pypinyin import lazy_pinyin

_FAMILIES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐"
    "许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
)
_GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰飞红玲"
    "辉鹏宇婷浩雪梅建文华志国海燕晓春峰佳欣怡然子轩雨泽思博"
)
_CITIES = [
    ("北京市", "北京市", "朝阳区"), ("上海市", "上海市", "浦东新区"),
    ("广东省", "广州市", "天河区"),
    ("广东省", "深圳市", "南山区"), ("浙江省", "杭州市", "西湖区"), ("四川省", "成都市", "武侯区"),
    ("江苏省", "南京市", "鼓楼区"), ("湖北省", "武汉市", "洪山区"), ("陕西省", "西安市", "雁塔区"),
    ("福建省", "厦门市", "思明区"),
]  # fmt: skip
_ROADS = [
    "建国路",
    "人民路",
    "中山路",
    "解放路",
    "文化路",
    "和平街",
    "学院路",
    "长江路",
    "新华街",
    "科技路",
]


def records(count: int, *, seed: int = 1) -> tuple[pd.DataFrame, pd.Series]:
    """About `count` records in random order, and whose each is, by record id.

    Returns:
        `record_id`, `name`, `phone`, `email`, `address`, `province`; null where not told.
    """
    random = np.random.default_rng(seed)
    rows: list[tuple[str, ...]] = []
    person = 0
    recycled: list[str] = []
    while len(rows) < count:
        place = _place(random)
        size = int(random.choice([1, 2, 3, 4], p=[0.45, 0.25, 0.2, 0.1]))
        family, phones = _family(random), []
        for member in range(size):
            shares = member == 2 or random.random() < 0.4
            name = (family if shares else _family(random)) + _given(random)
            phone = _phone(random, recycled)
            phones.append(phone)
            used = phones[0] if member and random.random() < 0.2 else phone
            provider = random.choice(["qq.com", "163.com", "gmail.com"])
            email = f"{''.join(lazy_pinyin(name))}{random.integers(10, 9999)}@{provider}"
            own = int(random.choice([1, 2, 3, 4, 6], p=[0.2, 0.25, 0.25, 0.2, 0.1]))
            for _ in range(own):
                rows.append((str(person), *_record(random, name, used, email, place)))
            person += 1
        recycled += [p for p in phones if random.random() < 0.05]
    table = pd.DataFrame(
        rows[:count], columns=["person", "name", "phone", "email", "address", "province"]
    )
    table = table.sample(frac=1, random_state=seed, ignore_index=True)
    table = table.replace("", None)
    table.insert(0, "record_id", [f"r{number:07}" for number in range(len(table))])
    return table.drop(columns="person"), table.set_index("record_id")["person"]


def _family(random: np.random.Generator) -> str:
    return _FAMILIES[min(int(random.exponential(11)), len(_FAMILIES) - 1)]


def _given(random: np.random.Generator) -> str:
    return "".join(
        _GIVEN[int(i)] for i in random.integers(0, len(_GIVEN), 1 + int(random.random() < 0.75))
    )


def _phone(random: np.random.Generator, recycled: list[str]) -> str:
    if recycled and random.random() < 0.05:
        return recycled.pop()
    start = random.choice(["138", "139", "136", "150", "158", "159", "186", "188", "177", "199"])
    return f"{start}{random.integers(0, 10**8):08}"


def _place(random: np.random.Generator) -> tuple[str, ...]:
    province, city, district = _CITIES[int(random.integers(len(_CITIES)))]
    road = _ROADS[int(random.integers(len(_ROADS)))]
    numbers = random.integers([1, 1, 101], [999, 30, 2500])
    return province, city, district, road, *map(str, numbers)


def _record(
    random: np.random.Generator, name: str, phone: str, email: str, place: tuple[str, ...]
) -> tuple[str, ...]:
    family, given = "".join(lazy_pinyin(name[0])).title(), "".join(lazy_pinyin(name[1:])).title()
    forms = [
        name,
        f"{family} {given}",
        f"{given} {family}",
        name[0] + "*" * len(name[1:]),
        name[0] + "女士",
    ]
    written = forms[int(random.choice(5, p=[0.66, 0.1, 0.07, 0.12, 0.05]))]
    masked = phone[:3] + "****" + phone[-4:]
    told = [phone, f"+86 {phone}", masked, ""][int(random.choice(4, p=[0.55, 0.1, 0.22, 0.13]))]
    province, city, district, road, number, building, room = place
    words = [("号", "号楼", "室"), ("号", "栋", ""), ("-", "-", "")][
        int(random.choice(3, p=[0.5, 0.35, 0.15]))
    ]
    ends = room + words[2] if random.random() < 0.9 else ""
    street = f"{district}{road}{number}{words[0]}{building}{words[1]}{ends}"
    before = ["" if city == province else province, city] if random.random() < 0.75 else [city]
    address = "".join(before) + street if random.random() < 0.85 else ""
    return written, told, email if random.random() < 0.35 else "", address, province
