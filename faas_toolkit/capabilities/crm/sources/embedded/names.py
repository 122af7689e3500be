"""What the sample's people and companies are called, in four languages. All of it is made up; domains end in `.example`.

Phone numbers keep the country's shape in ranges that are never assigned: 020 7946 0xxx (Ofcom's numbers for drama), and elsewhere
subscriber numbers that begin with a zero.
"""

from faas_toolkit.core.immutable import immutable


@immutable(kw_only=True)
class Locale:
    """Names of one language; pairs hold the name as written and in Latin letters."""

    country: str
    currency: str
    rate: int
    """Amounts in this currency for one of the smallest."""
    phone: str
    """`#` stands for a digit."""
    family_first: bool
    families: tuple[tuple[str, str], ...]
    givens: tuple[tuple[str, str], ...]
    certain: tuple[tuple[int, int], ...]
    """The first people, as places in `families` and `givens`: some share a name, some only its sound."""
    companies: tuple[tuple[str, str], ...]
    industries: tuple[tuple[str, str], ...]
    """What the company's name ends in, and its industry."""
    company_pattern: str
    cities: tuple[str, ...]
    titles: tuple[str, ...]


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """`张:zhang 伟:wei` as pairs; without a colon both are the same; `_` is a space."""
    parts = (part.replace("_", " ").partition(":") for part in text.split())
    return tuple((written, latin or written) for written, _, latin in parts)


CHINESE = Locale(
    country="China",
    currency="CNY",
    rate=7,
    phone="+86 21 0### ####",
    family_first=True,
    families=_pairs(
        "王:wang 李:li 张:zhang 刘:liu 陈:chen 杨:yang 黄:huang 赵:zhao 吴:wu 周:zhou 徐:xu 孙:sun 马:ma 朱:zhu 胡:hu"
        " 郭:guo 何:he 林:lin 高:gao 罗:luo 郑:zheng 梁:liang 谢:xie 宋:song 唐:tang 曾:zeng 单:shan 欧阳:ouyang"
    ),
    givens=_pairs(
        "伟:wei 薇:wei 芳:fang 娜:na 敏:min 静:jing 丽:li 强:qiang 磊:lei 洋:yang 勇:yong 杰:jie 涛:tao 超:chao"
        " 秀英:xiuying 明:ming 文博:wenbo 雨桐:yutong 子涵:zihan 浩然:haoran 思远:siyuan 佳怡:jiayi 晓东:xiaodong"
        " 建国:jianguo 志强:zhiqiang 雪梅:xuemei 嘉豪:jiahao 欣妍:xinyan 俊熙:junxi 梦琪:mengqi"
    ),
    certain=((2, 0), (2, 1), (2, 0)),
    companies=_pairs(
        "华信:huaxin 晨光:chenguang 远航:yuanhang 恒达:hengda 金桥:jinqiao 云帆:yunfan 东升:dongsheng 瑞丰:ruifeng"
        " 博雅:boya 天禾:tianhe 海纳:haina 中贸:zhongmao 启明:qiming 长青:changqing 星河:xinghe 安泰:antai"
    ),
    industries=(("科技", "software"), ("物流", "logistics"), ("食品", "food"), ("医疗", "health care"), ("机械", "machinery")),
    company_pattern="{name}{industry}有限公司",
    cities=("上海", "北京", "深圳", "杭州", "成都"),
    titles=("采购经理", "财务总监", "技术总监", "总经理", "运营主管", "信息部经理"),
)

JAPANESE = Locale(
    country="Japan",
    currency="JPY",
    rate=150,
    phone="+81 3-0###-####",
    family_first=True,
    families=_pairs(
        "佐藤:Sato 鈴木:Suzuki 高橋:Takahashi 田中:Tanaka 伊藤:Ito 渡辺:Watanabe 山本:Yamamoto 中村:Nakamura"
        " 小林:Kobayashi 加藤:Kato 吉田:Yoshida 山田:Yamada 佐々木:Sasaki 松本:Matsumoto 井上:Inoue 木村:Kimura"
        " 林:Hayashi 清水:Shimizu 森:Mori 池田:Ikeda"
    ),
    givens=_pairs(
        "太郎:Taro 花子:Hanako 健一:Kenichi 美咲:Misaki 翔太:Shota さくら:Sakura 大輔:Daisuke 陽子:Yoko 直樹:Naoki"
        " 恵子:Keiko 拓也:Takuya 結衣:Yui 誠:Makoto あかり:Akari 亮:Ryo 真由美:Mayumi 悠斗:Yuto 智子:Tomoko 隆:Takashi"
        " みどり:Midori"
    ),
    certain=((0, 2), (0, 2), (3, 1)),
    companies=_pairs(
        "青葉:aoba 日の出:hinode 富岳:fugaku 桜木:sakuragi 北斗:hokuto 瑞穂野:mizuhono 大和川:yamatogawa 銀河:ginga"
        " 若松:wakamatsu 光洋台:koyodai 千歳:chitose 白鳥:shiratori 三陽:sanyo-dai 東雲:shinonome 浜風:hamakaze"
        " 常盤:tokiwa"
    ),
    industries=(
        ("システム", "software"),
        ("商事", "wholesale"),
        ("製作所", "machinery"),
        ("フーズ", "food"),
        ("運輸", "logistics"),
    ),
    company_pattern="株式会社{name}{industry}",
    cities=("東京", "大阪", "名古屋", "福岡", "札幌"),
    titles=("購買部長", "情報システム部", "代表取締役", "経理課長", "営業部長", "開発マネージャー"),
)

PORTUGUESE = Locale(
    country="Brazil",
    currency="BRL",
    rate=5,
    phone="+55 11 0###-####",
    family_first=False,
    families=_pairs(
        "Silva Santos Oliveira Souza Rodrigues Ferreira Alves Pereira Lima Gomes Costa Ribeiro Martins Carvalho Almeida"
        " Lopes Araújo Conceição Gonçalves Magalhães Simões Brandão"
    ),
    givens=_pairs(
        "Maria João Ana Pedro Luíza Antônio Beatriz Tiago Mariana Felipe Fernanda Gustavo Letícia Caio Inês Rafael Júlia"
        " Vinícius Patrícia André Sônia Marcelo Débora Otávio"
    ),
    certain=((0, 0), (0, 0), (17, 1)),
    companies=_pairs(
        "Rio_Claro:rioclaro Serra_Azul:serraazul Ipê_Dourado:ipedourado Boa_Vista:boavista Porto_Sol:portosol"
        " Três_Irmãos:tresirmaos Araucária:araucaria Mar_Alto:maralto Vila_Nova:vilanova Campo_Belo:campobelo"
        " Jabuticaba:jabuticaba Pedra_Branca:pedrabranca Sabiá:sabia Cerrado_Vivo:cerradovivo Lagoa_Mansa:lagoamansa"
        " São_Bento:saobento"
    ),
    industries=(
        ("Alimentos", "food"),
        ("Logística", "logistics"),
        ("Tecnologia", "software"),
        ("Saúde", "health care"),
        ("Energia", "energy"),
    ),
    company_pattern="{name} {industry} Ltda",
    cities=("São Paulo", "Recife", "Curitiba", "Belo Horizonte", "Porto Alegre"),
    titles=(
        "Gerente de Compras",
        "Diretora Financeira",
        "Diretor de TI",
        "Coordenador de Operações",
        "Analista de Sistemas",
        "CEO",
    ),
)

ENGLISH = Locale(
    country="United Kingdom",
    currency="GBP",
    rate=1,
    phone="+44 20 7946 0###",
    family_first=False,
    families=_pairs(
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts"
        " Green Hall Wood Jackson Clarke O'Brien Fitzgerald"
    ),
    givens=_pairs(
        "John Mary James Sarah Robert Emma William Olivia Thomas Grace David Sophie Jonathan Catherine Stephen Elizabeth"
        " Michael Hannah Andrew Charlotte Peter Lucy Matthew Alice"
    ),
    certain=((0, 0), (0, 0), (0, 12)),
    companies=_pairs(
        "Harbour_Lane:harbourlane Northgate:northgate Bluebell:bluebell Kestrel:kestrel Oakfield:oakfield"
        " Silverton:silverton Marlow_&_Finch:marlowfinch Redwood:redwood Ashcombe:ashcombe Larkspur:larkspur"
        " Ironbridge:ironbridge Whitestone:whitestone Fairweather:fairweather Copperfield:copperfield Thornbury:thornbury"
        " Wren_&_Hart:wrenhart"
    ),
    industries=(
        ("Logistics", "logistics"),
        ("Foods", "food"),
        ("Analytics", "software"),
        ("Medical", "health care"),
        ("Energy", "energy"),
    ),
    company_pattern="{name} {industry} Ltd",
    cities=("London", "Leeds", "Bristol", "Manchester", "Edinburgh"),
    titles=(
        "Head of Procurement",
        "Chief Financial Officer",
        "IT Director",
        "Operations Manager",
        "Founder",
        "Customer Success Lead",
    ),
)

LOCALES = (CHINESE, JAPANESE, PORTUGUESE, ENGLISH)

NICKNAMES = ("Kevin", "Cindy", "Jason", "Amy", "Leo", "Vivian", "Eric", "Grace")
"""What some Chinese colleagues are called abroad."""

OWNERS = ("ana.souza", "mei.lin", "kenji.mori", "oliver.hart", "priya.nair", "lucas.weber", "sofia.rossi", "tom.becker")

PRODUCTS = ("Annual licence", "Support plan", "Onboarding", "Data platform", "Mobile add-on", "Training days", "Storage upgrade")

PROBLEMS = (
    "Cannot sign in after password reset",
    "Invoice shows the wrong address",
    "Export stops at 10,000 rows",
    "Report loads slowly on Mondays",
    "Wrong exchange rate on the quote",
    "Request for a new user account",
    "Mobile app closes when scanning",
    "Delivery note is missing",
    "Duplicate contacts after import",
    "Webhook is called twice",
)

NOTES = {
    "call": (
        "Went through the open points. They want a revised quote by Friday.",
        "Budget is approved; legal still reads the contract.",
        "Not reached, left a message.",
        "Happy with the support, asked about the mobile add-on.",
    ),
    "mail": (
        "Sent the offer and the data protection agreement.",
        "Asked for the list of users to migrate.",
        "Confirmed the delivery date.",
    ),
    "meeting": (
        "Demonstration for the operations team. Main question: how long does the migration take?",
        "Quarterly review. Usage is up, two tickets were unpleasant, renewal is likely.",
        "Workshop on reports; they will send examples.",
    ),
    "note": (
        "A competitor offers 15 % less; price is not their main concern.",
        "Procurement changes in spring, new contact to be named.",
        "Prefers to be written to, not called.",
    ),
}
