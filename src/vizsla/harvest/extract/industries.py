"""
In which industry is a company that describes itself so?

Labels are written in the style of LinkedIn's list, each with its code of NAICS 2022 (the national industry, or the sector or
group where the label is wider). A label comes from a schema.org type, or from words that mean one industry alone; where two
industries have as many words, none is said.
"""

import re

import msgspec

from vizsla.harvest.extract.company_names import fold

MAX_TEXT = 4_000

# label | NAICS | schema.org types | words and phrases, folded (no accents), in the languages that the web is written in
_TABLE = """
Software Development|513210||software company,software development,softwareentwicklung,software platform,saas,saas platform,software as a service,b2b saas,developer platform,developer tools,open source platform,software house,softwarehaus,softwarehersteller,editeur de logiciels,editeur de logiciel,logiciel,desarrollo de software,sviluppo software,ohjelmistoyritys,programvaruforetag,software solutions,cloud software,apis for developers,softwareontwikkeling
IT Services and IT Consulting|541512||it services,it consulting,managed services provider,managed it,systemhaus,it-dienstleister,it dienstleister,it-beratung,systems integrator,esn,services informatiques,consultoria informatica,consulenza informatica,it-konsult,cloud consulting,devops consulting,it support
Computer and Network Security|541519||cybersecurity,cyber security,network security,information security,it-sicherheit,cybersecurite,ciberseguridad,penetration testing,threat detection,endpoint protection
Data Infrastructure and Analytics|518210||data warehouse,data platform,business intelligence,data analytics,big data,datenanalyse
Technology, Information and Internet|519290||search engine,online marketplace,internet platform,web portal,online-plattform
Internet Publishing|516210||online magazine,web publication,news website,onlinemagazin
Web Hosting|518210||web hosting,webhosting,domain registrar,hosting provider,cloud hosting,dedicated servers,hebergeur,rechenzentrum,data center,data centre
Computer Games|513210||video games,video game,game studio,game development,games publisher,spieleentwickler,jeux video,videojuegos
Mobile Gaming Apps|513210||mobile games,mobile game
Computer Hardware Manufacturing|334111||computer hardware,embedded hardware,single-board computers,server hardware
Semiconductor Manufacturing|334413||semiconductor,semiconductors,halbleiter,integrated circuits,microchips,semi-conducteurs
Electrical Equipment Manufacturing|335||electrical equipment,switchgear,elektrotechnik
Appliances, Electrical, and Electronics Manufacturing|334|ElectronicsStore|consumer electronics,unterhaltungselektronik,home appliances
Telecommunications|517|InternetServiceProvider|telecommunications,telecom,telekommunikation,broadband,internet service provider,mobile network,fibre network,fiber network,operateur telecom
Law Practice|541110|LegalService,Attorney|law firm,solicitors,barristers,attorneys at law,attorneys,lawyers,legal advice,legal services,rechtsanwalt,rechtsanwalte,rechtsanwaelte,kanzlei,anwaltskanzlei,cabinet d'avocats,avocats,abogados,bufete,studio legale,avvocati,advocaten,advokatbyra,advokater,advokatfirma,asianajotoimisto,kancelaria
Legal Services|541199|Notary|notary,notar,notaire,patent attorneys,notariat
Accounting|541211|AccountingService|accountants,accounting firm,chartered accountants,tax advice,bookkeeping,steuerberater,steuerberatung,steuerkanzlei,wirtschaftsprufer,expert-comptable,expertise comptable,asesoria fiscal,commercialista,redovisning
Business Consulting and Services|541611||management consulting,management consultants,business consulting,unternehmensberatung,strategy consulting,conseil en management,consultoria empresarial,consultancy
Human Resources Services|541612||human resources services,hr software,payroll services,personaldienstleister
Staffing and Recruiting|561311|EmploymentAgency|recruitment,recruiting agency,staffing,executive search,headhunting,personalvermittlung,zeitarbeit,recrutement,temporary staffing,bemanning
Outsourcing and Offshoring Consulting|561499||outsourcing,offshoring,business process outsourcing
Advertising Services|541810||advertising agency,werbeagentur,agence de publicite,agencia de publicidad,agenzia pubblicitaria,digital advertising,reclamebureau,reklambyra
Marketing Services|541613||marketing agency,digital marketing,seo agency,content marketing,social media marketing,marketingagentur,agence marketing,agencia de marketing,inbound marketing
Public Relations and Communications Services|541820||public relations,pr agency,pr-agentur,relations presse,communications agency,kommunikationsagentur,agence de communication
Market Research|541910||market research,marktforschung,etudes de marche,opinion polls,consumer research
Design Services|541490||design studio,design agency,designagentur,designstudio,studio de design,graphic design,product design,industrial design,branding,brand identity,identite visuelle,studio de creation,grafikdesign,diseno grafico,web design,webdesign,type foundry,direction artistique,design graphique
Graphic Design|541430||graphic designer,graphiste,grafiker
Interior Design|541410||interior design,interior designers,innenarchitektur,architecture d'interieur,interiorismo
Architecture and Planning|541310||architects,architecture firm,architekten,architekturburo,architekturbuero,architectes,arquitectos,architetti,arkitekter,urban planning,landscape architecture
Civil Engineering|541330||civil engineering,structural engineering,ingenieurburo,ingenieurbuero,tiefbau,bureau d'etudes
Engineering Services|541330||engineering services,engineering consultancy,engineering consultants
Mechanical Or Industrial Engineering|541330||mechanical engineering,maschinenbau,industrial automation,automatisierungstechnik,robotics
Environmental Services|541620||environmental services,environmental consulting,waste water,umwelttechnik,recycling services
Research Services|541715|ResearchOrganization|research institute,forschungsinstitut,institut de recherche,scientific research,research laboratory
Biotechnology Research|541714||biotechnology,biotech,biotechnologie,gene therapy,genomics
Translation and Localization|541930||translation agency,translation services,ubersetzungsburo,uebersetzungsbuero,agence de traduction,translators
Photography|541921||photography studio,photographer,fotograf,fotostudio,photographe,wedding photography
Veterinary Services|541940|VeterinaryCare|veterinary,veterinarian,tierarzt,tierarztpraxis,veterinaire,animal hospital
Breweries|312120|Brewery|brewery,craft beer,brauerei,privatbrauerei,braumeister,brewing company,microbrewery,brasserie artisanale,cerveceria,birrificio,brouwerij,bryggeri,panimo,pivovar,bieres artisanales,brewing,beers,biere,brewpub
Wineries|312130|Winery|winery,vineyard,weingut,winzer,domaine viticole,bodega,cantina vinicola,winemaker
Distilleries|312140|Distillery|distillery,whisky distillery,brennerei,destillerie,distilleria,gin distillery
Beverage Manufacturing|312111||soft drinks,mineral water,juice producer,getranke,getraenke,beverages,fruit juices
Food and Beverage Manufacturing|311||food manufacturer,food producer,lebensmittelhersteller,food production,agroalimentaire,frozen food
Bakeries|311811|Bakery|bakery,backerei,baeckerei,boulangerie,panaderia,panetteria,bageri
Dairy Product Manufacturing|311500||dairy,molkerei,cheese dairy,fromagerie,kaserei
Restaurants|722511|Restaurant,FastFoodRestaurant,FoodEstablishment,IceCreamShop|restaurant,bistro,gasthaus,gastronomie,ristorante,restaurante,trattoria,pizzeria
Food and Beverage Services|722|BarOrPub,CafeOrCoffeeShop|catering,coffee shop,coffee roasters,cafe,kaffeerosterei,cocktail bar,traiteur
Hospitality|721|LodgingBusiness,Hostel,BedAndBreakfast,Campground,Resort|bed and breakfast,guest house,campsite,holiday resort,ferienwohnungen,gite
Hotels and Motels|721110|Hotel,Motel|hotel,hotelgruppe,boutique hotel
Travel Arrangements|561510|TravelAgency|travel agency,tour operator,reiseburo,reisebuero,reiseveranstalter,agence de voyages,agencia de viajes,guided tours
Events Services|561920|EventVenue|event management,event agency,eventagentur,conference organiser,conference organizer,trade fair,messe,evenementiel
Airlines and Aviation|481111|Airline|airline,aviation,fluggesellschaft,compagnie aerienne,air charter
Airports and Air Services|488119|Airport|airport,flughafen,aeroport
Transportation, Logistics, Supply Chain and Storage|488510||logistics,freight,freight forwarding,freight forwarder,supply chain,spedition,logistik,logistique,logistica,warehousing,third-party logistics,3pl,kuljetus,logistiikka,logistikk,godstransport,cold chain,lagerlogistik,transitaire
Truck Transportation|484121||trucking,haulage,road haulage,lkw-transporte,transport routier,autotrasporti
Maritime Transportation|483111||shipping line,maritime,reederei,container shipping,rederi,ferry operator,varustamo,compagnie maritime
Rail Transportation|482111||railway,railways,eisenbahn,rail operator,chemin de fer
Warehousing and Storage|493110|SelfStorage|self storage,self-storage,storage units
Freight and Package Transportation|492110|PostOffice|courier,parcel delivery,paketdienst,postal service,messagerie
Urban Transit Services|485113|BusStation,SubwayStation,TaxiStand|public transport,public transit,taxi,bus operator,verkehrsbetriebe
Motor Vehicle Manufacturing|336110||car manufacturer,automobile manufacturer,automobilhersteller,constructeur automobile,electric vehicles,vehicle manufacturer
Motor Vehicle Parts Manufacturing|336390||automotive supplier,automobilzulieferer,auto parts manufacturer,equipementier automobile
Retail Motor Vehicles|441110|AutoDealer,MotorcycleDealer|car dealership,car dealer,autohaus,concessionnaire,concesionario,bilforhandler
Vehicle Repair and Maintenance|811111|AutoRepair,AutoBodyShop,AutomotiveBusiness,MotorcycleRepair,TireShop|auto repair,car repair,kfz-werkstatt,autowerkstatt,garage automobile,car service
Aviation and Aerospace Component Manufacturing|336411||aerospace,luft- und raumfahrt,aerospatiale,satellite manufacturer,aircraft components,drones
Defense and Space Manufacturing|336414||defence contractor,defense contractor,space launch,rustung
Shipbuilding|336611||shipyard,shipbuilding,boat builder,werft,bootsbau,chantier naval
Industrial Machinery Manufacturing|333248||machine tools,industrial machinery,werkzeugmaschinen,anlagenbau,machine builder,machines industrielles
Metal Fabrication|332||metal fabrication,sheet metal,metallbau,metallverarbeitung,welding,steel construction,stahlbau,chaudronnerie
Chemical Manufacturing|325||chemicals,chemical company,chemie,specialty chemicals,chimie
Plastics Manufacturing|326199||plastics,injection moulding,injection molding,kunststofftechnik,plasturgie
Paper and Forest Product Manufacturing|322||paper mill,pulp and paper,papierfabrik,sawmill,sagewerk,forest products
Packaging and Containers Manufacturing|322212||packaging,verpackungen,emballage,corrugated,imballaggi
Textile Manufacturing|313||textiles,fabric mill,weberei,textilindustrie
Apparel Manufacturing|315||clothing manufacturer,bekleidungshersteller
Furniture and Home Furnishings Manufacturing|337122||furniture maker,furniture manufacturer,mobelbau,tischlerei,schreinerei,ebenisterie,cabinet maker,mobler
Glass, Ceramics and Concrete Manufacturing|327||glassworks,ceramics,keramik,ready-mix concrete,betonwerk,porcelain
Medical Equipment Manufacturing|339112||medical devices,medical device,medizintechnik,dispositifs medicaux,medtech,diagnostic devices
Pharmaceutical Manufacturing|325412||pharmaceutical,pharmaceuticals,pharma,arzneimittel,laboratoire pharmaceutique,farmaceutica
Personal Care Product Manufacturing|325620||cosmetics,kosmetik,skincare,skin care,cosmetiques,fragrances,parfums
Sporting Goods Manufacturing|339920||sporting goods,sportgerate,bicycle manufacturer,fahrradmanufaktur,ski manufacturer
Musical Instrument Manufacturing|339992||musical instruments,guitar maker,piano maker,geigenbau,luthier,orgelbau
Printing Services|323111||printing company,print shop,druckerei,imprimerie,imprenta,tipografia,drukkerij,tryckeri
Construction|236|GeneralContractor,HomeAndConstructionBusiness|construction company,general contractor,bauunternehmen,entreprise de construction,constructora,impresa edile,bouwbedrijf,byggeforetag,rakennusliike,hochbau
Building Construction|236220||building contractor,housebuilder,home builder,wohnungsbau
Specialty Trade Contractors|238|Electrician,Plumber,HVACBusiness,RoofingContractor,HousePainter,Locksmith,MovingCompany|plumber,plumbing,electrician,elektriker,dachdecker,roofing,heating and cooling,sanitar,plombier,electricien,malerbetrieb,installateur
Wholesale Building Materials|423390||building materials,baustoffe,baustoffhandel,materiaux de construction
Real Estate|531|RealEstateAgent,ApartmentComplex|real estate,estate agents,estate agent,immobilien,immobilienmakler,agence immobiliere,inmobiliaria,agenzia immobiliare,makelaar,property management,hausverwaltung,letting agents,fastighetsmaklare
Banking|522110|BankOrCreditUnion|bank,savings bank,sparkasse,banque,banco,credit union,volksbank,neobank
Financial Services|523|FinancialService|financial services,financial planning,finanzberatung,finanzdienstleister,payments platform,payment processing,payment service provider,fintech,services financiers,asset management,vermogensverwaltung
Investment Management|523940||investment management,fund management,wealth management,kapitalverwaltung,gestion d'actifs
Venture Capital and Private Equity Principals|523999||venture capital,private equity,venture capital fund,beteiligungsgesellschaft,capital-risque
Insurance|524|InsuranceAgency|insurance,versicherung,versicherungen,insurance broker,versicherungsmakler,assurance,assurances,seguros,assicurazioni,verzekeringen,forsakring,vakuutus
Hospitals and Health Care|622|Hospital,MedicalOrganization,EmergencyService|hospital,klinikum,krankenhaus,hopital,health care provider,healthcare provider,gesundheitszentrum
Medical Practices|621111|Physician,MedicalClinic,MedicalBusiness,Optician|medical practice,arztpraxis,hausarzt,facharzt,general practitioner,cabinet medical,medical clinic,gp surgery
Dentists|621210|Dentist|dentist,dental practice,dental clinic,zahnarzt,zahnarztpraxis,dentiste,dentista,tandlakare,tandarts
Mental Health Care|621330||psychotherapy,psychotherapie,psychotherapist,counselling,mental health
Physical, Occupational and Speech Therapists|621340|Physiotherapy|physiotherapy,physiotherapie,krankengymnastik,occupational therapy,speech therapy,kinesitherapeute
Individual and Family Services|624|ChildCare|child care,childcare,kindergarten,nursery school,kindertagesstatte,social services,creche,elderly care,pflegedienst
Retail Pharmacies|456110|Pharmacy|pharmacy,apotheke,pharmacie,farmacia,apotek,apteekki
Wellness and Fitness Services|713940|ExerciseGym,HealthClub,SportsActivityLocation,DaySpa,YogaStudio|fitness studio,gym,yoga studio,fitnessstudio,wellness,personal training,salle de sport,pilates
Personal Care Services|812112|BeautySalon,HairSalon,NailSalon,HealthAndBeautyBusiness,TattooParlor|hair salon,hairdresser,friseur,beauty salon,kosmetikstudio,coiffeur,barber shop,nail salon
Spectator Sports|711211|SportsTeam,SportsClub,SportsOrganization,StadiumOrArena|football club,sports club,sportverein,fussballverein,club de football,basketball team
Recreational Facilities|713|AmusementPark,GolfCourse,BowlingAlley,SkiResort,PublicSwimmingPool,TennisComplex|golf club,amusement park,ski resort,freizeitpark,climbing hall,kletterhalle,theme park
Performing Arts|711110|PerformingGroup,TheaterGroup,DanceGroup,PerformingArtsTheater|theatre company,theater company,opera house,schauspielhaus,ballet,compagnie de theatre,orchestra,orchester
Musicians|711130|MusicGroup|record label,plattenlabel,music band,label de musique
Museums, Historical Sites, and Zoos|712|Museum,Zoo,Aquarium|museum,kunsthalle,art gallery,musee,museo,galerie d'art
Entertainment Providers|711|Casino,EntertainmentBusiness,NightClub,ComedyClub,MovieTheater|cinema,kino,nightclub,casino
Movies, Videos, and Sound|512110||film production,filmproduktion,video production,production company,animation studio,postproduction,production audiovisuelle
Broadcast Media Production and Distribution|516|RadioStation,TelevisionStation,RadioBroadcastService,BroadcastService|radio station,television channel,broadcaster,radiosender,fernsehsender,podcast network
Newspaper Publishing|513110|NewsMediaOrganization|newspaper,tageszeitung,zeitung,journal quotidien,daily news,dagblad,tidning,giornale
Book and Periodical Publishing|513130||book publisher,publishing house,verlag,maison d'edition,casa editrice,uitgeverij,forlag,magazine publisher
Libraries|519210|Library|bibliothek,stadtbucherei,bibliotheque,biblioteca,bibliotek,kirjasto
Higher Education|611310|CollegeOrUniversity|university,universitat,universitaet,hochschule,fachhochschule,universite,universidad,universita,college of,yliopisto,universitet
Primary and Secondary Education|611110|School,ElementarySchool,HighSchool,MiddleSchool,Preschool|primary school,secondary school,high school,gymnasium,grundschule,lycee,boarding school,collegio
Education Administration Programs|611710|EducationalOrganization|education programme,education program,bildungstrager
E-Learning Providers|611710||e-learning,online courses,online learning,elearning,online-kurse,formation en ligne
Professional Training and Coaching|611430||training provider,executive coaching,coaching,weiterbildung,seminare,formation professionnelle,vocational training
Language Schools|611630||language school,sprachschule,ecole de langues
Retail|44-45|Store,ClothingStore,ShoeStore,BookStore,ToyStore,HobbyShop,JewelryStore,SportingGoodsStore,OutletStore,PawnShop,PetStore,Florist,GardenStore,HardwareStore,HomeGoodsStore,MensClothingStore,ConvenienceStore,DepartmentStore,ShoppingCenter,OfficeEquipmentStore,MusicStore,BikeStore|retailer,retail store,einzelhandel,fachgeschaft,department store,magasin,bookshop,bookstore,buchhandlung,librairie,gift shop
Retail Groceries|445110|GroceryStore|supermarket,grocery store,supermarkt,bioladen,epicerie,supermercado,organic food shop
Retail Furniture and Home Furnishings|449110|FurnitureStore|furniture store,mobelhaus,magasin de meubles,kitchen showroom
Retail Apparel and Fashion|458110||fashion brand,fashion label,clothing brand,modelabel,pret-a-porter,streetwear,sportswear
Retail Office Equipment|459410|ComputerStore,MobilePhoneStore|office supplies,burobedarf,computer shop
Online and Mail Order Retail|455110|OnlineStore|online shop,onlineshop,online store,online-shop,webshop,boutique en ligne,tienda online,e-commerce store,verkkokauppa,nettbutikk
Wholesale|42|WholesaleStore|wholesale,wholesaler,grosshandel,grossiste,mayorista,ingrosso,groothandel,grossist,tukkukauppa
Wholesale Import and Export|425120||import and export,trading company,import-export,handelshaus,exporter,importer
Farming|111||farm,organic farm,bauernhof,landwirtschaft,agriculture,exploitation agricole,farming,azienda agricola,agritech
Horticulture|111421||plant nursery,garden centre,gartenbau,baumschule,pepiniere,gartnerei
Landscaping Services|561730||landscaping,landscape gardening,gartengestaltung,paysagiste,tree care
Fisheries|114111||fishery,fisheries,fish farm,aquaculture,fischzucht
Forestry and Logging|113||forestry,forstwirtschaft,logging company,sylviculture
Mining|212||mining,bergbau,exploitation miniere,quarry,mineral exploration
Oil and Gas|211120|GasStation|oil and gas,petroleum,petrol stations,oil refinery,erdol,gas exploration
Utilities|221||utility company,stadtwerke,water supply,energieversorger,district heating,electricity grid,fournisseur d'energie
Renewable Energy Power Generation|221114||solar energy,renewable energy,wind energy,solaranlagen,photovoltaik,photovoltaic,wind farms,erneuerbare energien,energies renouvelables,energia solar,solar panels
Waste Collection|562111|RecyclingCenter|waste management,abfallentsorgung,gestion des dechets,recycling,entsorgung
Security and Investigations|561612||security guards,security services,sicherheitsdienst,private investigator,detektei,alarm systems
Facilities Services|561210||facility management,facilities management,cleaning services,gebaudereinigung,janitorial,nettoyage industriel
Consumer Services|812|DryCleaningOrLaundry,HouseholdService|dry cleaning,laundry,reinigung,funeral home,bestattungen
Equipment Rental Services|532|AutoRental|car rental,equipment rental,autovermietung,tool hire,location de voitures,mietwagen
Government Administration|921|GovernmentOrganization,GovernmentOffice,GovernmentBuilding,CityHall,Courthouse|city council,stadtverwaltung,municipality,gemeindeverwaltung,landratsamt,mairie,ayuntamiento,comune di,federal agency,ministry of,bundesministerium,ministere,kommune
Law Enforcement|922120|PoliceStation|police department,polizei,police force
Public Safety|922160|FireStation|fire department,feuerwehr,fire brigade
Armed Forces|928110||armed forces,bundeswehr
Non-profit Organizations|813|NGO|non-profit,nonprofit,charity,registered charity,gemeinnutzig,gemeinnutziger verein,ong,association loi 1901,humanitarian,stiftung,foundation supporting,hilfsorganisation
Philanthropic Fundraising Services|813211||philanthropy,grant-making,fundraising
Civic and Social Organizations|813410||community association,advocacy group,civic association
Religious Institutions|813110|Church,PlaceOfWorship,Mosque,Synagogue,BuddhistTemple,HinduTemple,CatholicChurch|church,kirchengemeinde,parish,paroisse,pfarrei,mosque,synagogue,diocese
Political Organizations|813940|PoliticalParty|political party,political campaign,parti politique
Industry Associations|813910|LocalBusinessAssociation|trade association,branchenverband,industrieverband,chamber of commerce,handelskammer,federation professionnelle
Labor Unions|813930|WorkersUnion|trade union,labor union,gewerkschaft,syndicat
"""


class Industry(msgspec.Struct, frozen=True):
    """An industry as we name it, and its code in the North American Industry Classification System (2022)."""

    label: str
    naics: str


def industry_of_types(types: frozenset[str]) -> Industry | None:
    """The industry that schema.org *types* of an organisation mean, None if none or several do."""
    found = {_TYPES[name] for name in types if name in _TYPES}
    return found.pop() if len(found) == 1 else None


def industry_of_code(naics: str | None) -> Industry | None:
    """The industry with this NAICS code, None where two of our labels share it."""
    found = [industry for industry in INDUSTRIES.values() if industry.naics == naics]
    return found[0] if len(found) == 1 else None


def industry_of_text(text: str) -> Industry | None:
    """
    The industry whose words *text* uses most, None when none is used or two are used as much.

    Plurals are not tried: who is a hotel says so in the singular, who lists them does not.
    """
    words = _WORD.findall(fold(text[:MAX_TEXT]))
    seen: dict[Industry, set[str]] = {}
    at = 0
    while at < len(words):
        if words[at] not in _FIRST_WORDS:
            at += 1
            continue
        # The longest phrase wins and its words are used up: "law firm software" must not count "law firm" twice.
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            phrase = " ".join(words[at : at + length])
            industry = _PHRASES.get(phrase)
            if industry is None:
                continue
            if not _FOR.intersection(words[max(0, at - 2) : at]):
                seen.setdefault(industry, set()).add(phrase)
            at += length - 1
            break
        at += 1
    ranked = sorted(seen.items(), key=lambda item: -len(item[1]))
    if not ranked or (len(ranked) > 1 and len(ranked[0][1]) == len(ranked[1][1])):
        return None
    return ranked[0][0]


_FOR = frozenset({"for", "fur", "pour", "para", "per", "voor", "helps", "help", "serving"})
"""Whom a company works for is not what it is: "software for law firms" is no law practice."""
_WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")


def _read_table() -> tuple[dict[str, Industry], dict[str, Industry], dict[str, Industry]]:
    labels: dict[str, Industry] = {}
    types: dict[str, Industry] = {}
    phrases: dict[str, Industry] = {}
    for line in _TABLE.strip().splitlines():
        label, naics, schema_types, words = line.split("|")
        industry = labels[label] = Industry(label, naics)
        types |= dict.fromkeys(filter(None, schema_types.split(",")), industry)
        phrases |= {" ".join(_WORD.findall(phrase)): industry for phrase in words.split(",")}
    return labels, types, phrases


INDUSTRIES, _TYPES, _PHRASES = _read_table()
"""Every industry by its label."""
_FIRST_WORDS = frozenset(phrase.partition(" ")[0] for phrase in _PHRASES)
_LONGEST = max(len(phrase.split()) for phrase in _PHRASES)
SCHEMA_TYPES = frozenset(_TYPES)
