"""Months by their names, whole and short, in languages that tables are written in."""

# ruff: noqa: RUF001 - names of other alphabets have letters that look like Latin ones

_NAMES = (
    "jan january januar janvier enero ene gennaio gen janeiro januari styczeń stycznia sty leden "
    "ledna led янв января январь ocak oca janv jän jänner tammikuu tammi január ianuarie ian "
    "січень січня січ siječanj sij ιαν ιανουαρίου ιανουάριος",
    "feb february februar février febrero febbraio fevereiro fev februari luty lutego lut únor "
    "února úno фев февраля февраль şubat şub févr fév helmikuu helmi február febr februarie "
    "лютий лютого лют veljača velj φεβ φεβρουαρίου φεβρουάριος",
    "mar march märz marzo março maart marec marzec marca březen března bře мар марта март mart "
    "mrz mars mär maa mrt marts maaliskuu maalis március márc martie березень березня бер ožujak "
    "ožu μαρ μαρτίου μάρτιος",
    "apr april avril abril abr aprile kwiecień kwietnia kwi duben dubna dub апр апреля апрель "
    "nisan nis avr huhtikuu huhti április ápr aprilie квітень квітня кві travanj tra απρ "
    "απριλίου απρίλιος",
    "may mai mayo maggio mag maio mei maj maja květen května kvě мая май may\u0131s toukokuu touko "
    "május máj травень травня тра svibanj svi μαΐ μαΐου μάιος",
    "jun june juni juin junio giugno giu junho czerwiec czerwca cze červen června čvn июн июня "
    "июнь haziran haz jún kesäkuu kesä június iunie iun червень червня чер lipanj ιουν ιουνίου "
    "ιούνιος",
    "jul july juli juillet julio luglio lug julho lipiec lipca červenec července čvc июл июля "
    "июль temmuz tem juil júl heinäkuu heinä július iulie iul липень липня лип srpanj ιουλ "
    "ιουλίου ιούλιος",
    "aug august août agosto ago augustus sierpień sierpnia sie srpen srpna srp авг августа август "
    "ağustos ağu aoû augusti elokuu elo augusztus серпень серпня сер kolovoz kol αυγ αυγούστου "
    "αύγουστος",
    "sep september septembre septiembre settembre set setembro wrzesień września wrz září zář сен "
    "сентября сентябрь eylül eyl sept syyskuu syys szeptember szept septembrie вересень вересня "
    "вер rujan ruj σεπ σεπτεμβρίου σεπτέμβριος",
    "oct october oktober octobre octubre ottobre ott outubro out październik października paź "
    "říjen října říj окт октября октябрь ekim eki okt lokakuu loka október octombrie жовтень "
    "жовтня жов οκτ οκτωβρίου οκτώβριος",
    "nov november novembre noviembre novembro listopadu ноя ноября ноябрь kas\u0131m kas "
    "marraskuu marras noiembrie νοε νοεμβρίου νοέμβριος",
    "dec december dezember décembre diciembre dicembre dezembro grudzień grudnia gru prosinec "
    "prosince pro дек декабря декабрь aral\u0131k ara dez dic déc des joulukuu joulu decembrie "
    "грудень грудня гру prosinac δεκ δεκεμβρίου δεκέμβριος",
)
# Some words are one month in one language and another month in the next: listopad is November in
# Polish and Czech, October in Croatian. They mean what most tables mean by them.
_SAID_MOST = {"listopad": 11, "listopada": 11, "lis": 11, "lip": 7, "mart": 3}
MONTHS = {
    **{name: number for number, names in enumerate(_NAMES, start=1) for name in names.split()},
    **_SAID_MOST,
}
